"""Make, list and revoke API keys from the command line, straight on the database."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing

from trimtab_service.app import build_rooms
from trimtab_service.domain.errors import DatabaseUnavailable
from trimtab_service.settings import Settings
from trimtab_service.usecases import health, keys


def run(settings: Settings, given: argparse.Namespace) -> int:
    """One of create, list and revoke. Returns the exit code."""
    rooms = build_rooms(settings)
    with closing(rooms.store), closing(rooms.compute):
        try:
            if settings.is_sqlite:
                rooms.store.migrate()
            health.ready(rooms)
            match given.verb:
                case "create":
                    print(keys.make_key(rooms, note=given.note).text)
                case "list":
                    for row in keys.list_keys(rooms):
                        print(f"{row.key_id}  {row.role}{'  revoked' if row.revoked else ''}")
                case "revoke":
                    if not keys.revoke_key(rooms, given.key_id):
                        print(f"trimtab-service: there is no key {given.key_id!r}", file=sys.stderr)
                        return 1
        except DatabaseUnavailable as error:
            print(f"trimtab-service: {error.detail}", file=sys.stderr)
            return 1
    return 0
