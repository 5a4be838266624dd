"""Finds the server's address and the key: what was passed, then TRIMTAB_URL and TRIMTAB_KEY, then a file."""

from __future__ import annotations

import os
import urllib.parse
from pathlib import Path

from trimtab.errors import InvalidCredentials, ServerUnreachable

DEFAULT_URL = "http://127.0.0.1:8731"


def find_url(url: str | None = None) -> str:
    """The server's address without a slash at its end: url, TRIMTAB_URL, or the default. Raises ServerUnreachable."""
    found = url or os.environ.get("TRIMTAB_URL") or DEFAULT_URL
    if not _is_address(found):
        raise ServerUnreachable(no_address(found))
    return found.rstrip("/")


def find_key(address: str, key: str | None = None) -> str | None:
    """The key for a server's address: key, TRIMTAB_KEY, or the address's table in the credentials file.

    Raises InvalidCredentials.
    """
    if key:
        return _checked(key, "key=…")
    if os.environ.get("TRIMTAB_KEY"):
        return _checked(os.environ["TRIMTAB_KEY"], "TRIMTAB_KEY")
    return key_on_file(address)


def path() -> Path:
    """Where the credentials file lies: $XDG_CONFIG_HOME/trimtab/credentials, by default in ~/.config."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # Path.home() fails without a home
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
    except (OSError, ValueError, RecursionError) as error:  # TOML and Unicode errors are ValueErrors
        raise InvalidCredentials(f"expected a TOML file that this user can read at {path()}, got: {error}") from error
    table = tables.get(address, {})
    if not isinstance(table, dict):
        raise InvalidCredentials(f"expected a table [{address!r}] with a key in {path()}, got {type(table).__name__}")
    return _checked(table["key"], f"{path()} for {address}") if "key" in table else None


def advice(address: str) -> str:
    """How to give a key for an address."""
    return f"pass key=…, set TRIMTAB_KEY, or add {address!r} to {path()}"


def no_address(given: object) -> str:
    """Why something is no address, and what was meant perhaps."""
    meant = f"http://{given}"
    hint = f"; is {meant!r} meant?" if isinstance(given, str) and "://" not in given and _is_address(meant) else ""
    return f"expected an address like {DEFAULT_URL}, got {given!r}{hint}"


def _is_address(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        named = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        return named and url.isprintable() and not set(url) & set(" ?#")
    except (AttributeError, TypeError, ValueError):  # not text, brackets that do not close, a port out of range
        return False


def _checked(key: object, where: str) -> str:
    """The key, when it can travel in a header. It is secret, so an error tells its kind only."""
    if isinstance(key, str) and key and all("!" <= letter <= "~" for letter in key):
        return key
    raise InvalidCredentials(f"expected a key like tt_…, of letters, digits and _, from {where}, got {_kind(key)}")


def _kind(given: object) -> str:
    if not isinstance(given, str):
        return type(given).__name__
    odd = next((place for place, letter in enumerate(given) if not "!" <= letter <= "~"), None)
    return "empty text" if odd is None else f"{given[odd]!r} at place {odd}"
