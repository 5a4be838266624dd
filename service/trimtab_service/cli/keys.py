"""Make, list and revoke API keys from the command line, straight on the database."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from trimtab_service.app import build_rooms
from trimtab_service.cli.refused import Refused
from trimtab_service.cli.side_files import AlreadyServed, held
from trimtab_service.settings import Settings
from trimtab_service.store import KeyRow, file_of
from trimtab_service.usecases import health, keys
from trimtab_service.usecases.rooms import Rooms

LOOK_SECONDS = 0.3
"""How long a file's lock is tried before it counts as served."""


def run(settings: Settings, given: argparse.Namespace) -> int:
    """One of create, list and revoke. Returns the exit code."""
    with _rooms(settings) as rooms:
        health.ready(rooms)
        match given.verb:
            case "create":
                made = keys.make_key(rooms, note=given.note)
                _say(given, made.text, {"key_id": made.key_id, "key": made.text, "note": given.note})
            case "list":
                rows = keys.list_keys(rooms)
                _say(given, _table(rows), [_shown(row) for row in rows])
            case "revoke":
                if not keys.revoke_key(rooms, given.key_id):
                    raise Refused(f"there is no key {given.key_id!r}")
                _say(given, f"{given.key_id} is revoked", {"key_id": given.key_id, "revoked": True})
    return 0


@contextmanager
def _rooms(settings: Settings) -> Iterator[Rooms]:
    """The rooms on the database. A file that a server has open is written to, but left to that server to checkpoint:

    SQLite before 3.51.3 can corrupt a file that two processes checkpoint at a time.
    """
    try:
        with held(file_of(settings.database), LOOK_SECONDS), _opened(settings, checkpoints=True) as rooms:
            if settings.is_sqlite:
                rooms.store.migrate()
            yield rooms
    except AlreadyServed:
        with _opened(settings, checkpoints=False) as rooms:
            yield rooms


@contextmanager
def _opened(settings: Settings, *, checkpoints: bool) -> Iterator[Rooms]:
    rooms = build_rooms(settings, checkpoints=checkpoints)
    with closing(rooms.store), closing(rooms.compute):
        yield rooms


def _shown(row: KeyRow) -> dict[str, Any]:
    return {
        "key_id": row.key_id,
        "role": row.role,
        "note": row.note,
        "created_at": row.created_at.isoformat(),
        "revoked": row.revoked,
    }


def _table(rows: Sequence[KeyRow]) -> str:
    cells = [("key", "role", "made", "state", "note")]
    cells += [
        (row.key_id, row.role, f"{row.created_at:%Y-%m-%d %H:%M}", "revoked" if row.revoked else "valid", row.note)
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)


def _say(given: argparse.Namespace, text: str, fields: object) -> None:
    """Print a text for people, or JSON."""
    print(json.dumps(fields) if given.json else text)
