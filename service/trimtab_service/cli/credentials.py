"""The credentials file that the client reads: one table per address, each with a key. Only its owner may read it."""

from __future__ import annotations

import json
import os
import tempfile
import tomllib
from pathlib import Path


def path() -> Path:
    """Where the file lies: $XDG_CONFIG_HOME/trimtab/credentials, else ~/.config/trimtab/credentials."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "trimtab" / "credentials"


def key_for(address: str) -> str | None:
    """The key kept for a server's or a database's address."""
    key = _read().get(address, {}).get("key")
    return key if isinstance(key, str) else None


def keep(key: str, addresses: list[str]) -> None:
    """Write the key under each address; other entries stay. The file is replaced in one step, mode 0600."""
    entries = _read() | {address: {"key": key} for address in addresses}
    text = "".join(
        f"[{json.dumps(address)}]\nkey = {json.dumps(entry['key'])}\n\n"
        for address, entry in entries.items()
        if isinstance(entry.get("key"), str)
    )
    target = path()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".credentials-")
    try:
        with os.fdopen(descriptor, "w") as file:
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
    return {address: entry for address, entry in found.items() if isinstance(entry, dict)}
