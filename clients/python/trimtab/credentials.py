"""Finds the server's address and the key: what was passed, then TRIMTAB_URL and TRIMTAB_KEY, then a file."""

from __future__ import annotations

import os
from pathlib import Path

from trimtab.errors import InvalidCredentials

DEFAULT_URL = "http://127.0.0.1:8731"


def find_url(url: str | None = None) -> str:
    """The server's address without a slash at its end: url, TRIMTAB_URL, or the default."""
    return (url or os.environ.get("TRIMTAB_URL") or DEFAULT_URL).rstrip("/")


def find_key(address: str, key: str | None = None) -> str | None:
    """The key for a server's address: key, TRIMTAB_KEY, or the address's table in the credentials file."""
    return key or os.environ.get("TRIMTAB_KEY") or key_on_file(address)


def path() -> Path:
    """Where the credentials file lies: $XDG_CONFIG_HOME/trimtab/credentials, by default in ~/.config."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "trimtab" / "credentials"


def key_on_file(address: str) -> str | None:
    """The key of an address (a server's URL or a database's) in the credentials file; None when there is none.

    The file is TOML, a table per address: ["http://127.0.0.1:8731"] and in it key = "tt_…".
    Raises InvalidCredentials.
    """
    import tomllib

    try:
        tables = tomllib.loads(path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidCredentials(f"expected a TOML file that this user can read at {path()}, got: {error}") from error
    table = tables.get(address)
    key = table.get("key") if isinstance(table, dict) else None
    return key if isinstance(key, str) else None
