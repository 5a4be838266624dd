"""The credentials file that the client reads: one table per address, each with a key. Only its owner may read it."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trimtab_service.cli.refused import Refused


def path() -> Path:
    """Where the file lies: $XDG_CONFIG_HOME/trimtab/credentials, else ~/.config/trimtab/credentials."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "trimtab" / "credentials"


def key_for(address: str) -> str | None:
    """The key kept for a server's or a database's address. Raises Refused when the file can't be read."""
    key = _read().get(address, {}).get("key")
    return key if isinstance(key, str) else None


def keep(key: str, addresses: list[str]) -> None:
    """Write the key under each address; other entries stay. The file is replaced in one step, mode 0600.

    Several processes may do so at a time. Raises Refused when the file can't be read or written.
    """
    try:
        with _alone():
            _replace(_read() | {address: {"key": key} for address in addresses})
    except OSError as error:
        raise Refused(f"can't keep the key in {path()}: {error.strerror}") from error


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other process reads and then writes the file."""
    folder = path().parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / "credentials.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(entries: dict[str, dict[str, object]]) -> None:
    text = "".join(
        f"[{json.dumps(address)}]\nkey = {json.dumps(entry['key'])}\n\n"
        for address, entry in entries.items()
        if isinstance(entry.get("key"), str)
    )
    target = path()
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".credentials-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o600)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _read() -> dict[str, dict[str, object]]:
    try:
        with path().open("rb") as file:
            found = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Refused(f"can't read {path()}: {error.strerror}") from error
    except ValueError as error:  # no TOML, or no UTF-8
        raise Refused(f"{path()} is not a file of credentials: {error}; mend it, or move it away") from error
    return {address: entry for address, entry in found.items() if isinstance(entry, dict)}
