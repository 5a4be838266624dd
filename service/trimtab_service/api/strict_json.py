"""Reads a request's JSON, strictly: what it lets through can be stored in any database and written out again.

Python's own reader takes NaN, numbers without end, lone surrogates, NUL, keys that come twice and UTF-16. This one
refuses all of them, each with a sentence that says what was expected and what came.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from trimtab_service.api.errors import InvalidJson

MAX_DEPTH = 32
MAX_KEYS = 1_000
MAX_STRING = 10_000
"""Bytes of UTF-8."""
MAX_COMMAS = 250_000
"""So many values in one body: 200 parameters of 1,000 choices, and room for more."""
_INT64 = range(-(2**63), 2**63)
_MAX_DIGITS = 20
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""A string, perhaps unterminated: it always matches from a quote on, so that no text is read twice."""
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OPEN = set(b"[{")
_NEVER = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff"
_NOT_TEXT = re.compile(f"[{_NEVER}]")
_NOT_A_KEY = re.compile(f"[{_NEVER}\t\n\r]")


def loads(body: bytes) -> Any:
    """The JSON value of a body. Raises InvalidJson."""
    _check_shape(body)
    try:
        value = json.loads(
            _decode(body),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except json.JSONDecodeError as error:
        raise InvalidJson(
            f"expected JSON, got something else at line {error.lineno} column {error.colno}: {error.msg}"
        ) from error
    _check_strings(value)
    return value


def canonical(value: Any) -> bytes:
    """One spelling of a JSON value, whatever the white space. The order of keys counts: a space is ordered."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _check_shape(body: bytes) -> None:
    """Depth and number of values, before any parser sees the body, since parsers recurse and build."""
    bare = _STRING.sub(b"", body)
    if (commas := bare.count(b",")) > MAX_COMMAS:
        raise InvalidJson(f"expected at most {MAX_COMMAS} values, got {commas}")
    depth = 0
    for bracket in bare.translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in _OPEN else -1
        if depth > MAX_DEPTH:
            raise InvalidJson(f"expected objects and lists at most {MAX_DEPTH} deep, got a deeper one")


def _decode(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidJson(f"expected UTF-8, got byte 0x{body[error.start]:02x} at place {error.start}") from error
    if text.startswith("\ufeff"):
        raise InvalidJson("expected JSON in UTF-8 without a byte order mark, got one")
    return text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_KEYS:
        raise InvalidJson(f"expected at most {MAX_KEYS} keys in an object, got {len(pairs)}")
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidJson(f"expected each key of an object once, got {twice[:80]!a} again")
    return found


def _no_constant(name: str) -> NoReturn:
    raise InvalidJson(f"expected finite numbers, got {name}; a result that is not a number is told as a failure")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InvalidJson(f"expected numbers that fit 64 bits, got {text[:40]}")
    return number


def _int(text: str) -> int:
    if len(text) <= _MAX_DIGITS and (number := int(text)) in _INT64:
        return number
    raise InvalidJson(f"expected whole numbers of at most 64 bits, got {text[:40]}")


def _check_strings(value: Any) -> None:
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, str):
            _check_text(one, "text", _NOT_TEXT)
        elif isinstance(one, dict):
            for key in one:
                _check_text(key, "a key", _NOT_A_KEY)
            todo.extend(one.values())
        elif isinstance(one, list):
            todo.extend(one)


def _check_text(text: str, what: str, refused: re.Pattern[str]) -> None:
    if found := refused.search(text):
        raise InvalidJson(
            f"expected {what} without control characters and lone surrogates, got U+{ord(found[0]):04X}"
        )
    if len(text) > MAX_STRING or (not text.isascii() and len(text.encode()) > MAX_STRING):
        raise InvalidJson(f"expected {what} of at most {MAX_STRING} bytes, got {len(text.encode())}")
