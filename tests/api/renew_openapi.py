"""Writes docs/openapi.json anew: python -m tests.api.renew_openapi"""

from __future__ import annotations

import json

from tests.api.test_openapi import SNAPSHOT
from trimtab_service.app import create_app
from trimtab_service.settings import Settings


def main() -> None:
    """Describe an app that is never started."""
    described = create_app(Settings(database="sqlite://")).openapi()
    SNAPSHOT.write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
