"""Where a page of a list ends: opaque text that holds the order and the last item's place in it."""

from __future__ import annotations

import base64
import binascii
import json
import math
from typing import Any

from trimtab_service.domain.errors import InvalidQuery

Key = float | str | None


def encode(order: str, key: Key, number: int) -> str:
    """The cursor after the item that has this sort key and number."""
    text = json.dumps([order, key, number], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str, order: str) -> tuple[Key, int]:
    """The sort key and number in the cursor. Raises InvalidQuery unless it was made for this order."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        given: Any = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, RecursionError, binascii.Error) as error:
        raise InvalidQuery(f"expected a cursor as a page gave it, got {cursor[:60]!r}") from error
    match given:
        case [str(of), None | int() | float() | str() as key, int(number)] if 0 <= number < 2**63:
            if of != order:
                raise InvalidQuery(f"the cursor belongs to order {of!r}, got order {order!r}")
            if _is_sane(key):
                return key, number
    raise InvalidQuery(f"expected a cursor as a page gave it, got {cursor[:60]!r}")


def _is_sane(key: Key) -> bool:
    """Whether a database can compare with it: no truth value, no number beyond what a column holds."""
    match key:
        case bool():
            return False
        case int():
            return abs(key) < 2**63
        case float():
            return math.isfinite(key)
    return True
