"""Is the server ready to work: can the database be reached, and is its schema the one this version wants."""

from __future__ import annotations

from typing import Any

from trimtab_service.domain.errors import DatabaseUnavailable
from trimtab_service.usecases.rooms import Rooms


def ready(rooms: Rooms) -> dict[str, Any]:
    """What the database says of itself. Raises DatabaseUnavailable when it can't be used."""
    state = rooms.store.check()
    if state["revision"] != state["head"]:
        raise DatabaseUnavailable(
            f"the database is at revision {state['revision']!r}, this version wants {state['head']!r}: "
            "run trimtab-service migrate"
        )
    return state
