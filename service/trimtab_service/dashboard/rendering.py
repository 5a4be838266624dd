"""Lays pages out: Jinja2 templates that escape everything, and the files beside them that never change."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from trimtab_service.dashboard import table
from trimtab_service.dashboard.addresses import Addresses

_HERE = Path(__file__).parent
_KINDS = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Head:
    """What the top of every page says. version: the server's. backend: its database. leave: offer to log out."""

    version: str
    backend: str
    addresses: Addresses
    leave: bool


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages refer to."""

    content: bytes
    media_type: str


def assets() -> dict[str, Asset]:
    """Name -> file, of everything under static/."""
    files = sorted((_HERE / "static").iterdir())
    return {file.name: Asset(file.read_bytes(), _KINDS[file.suffix]) for file in files if file.suffix in _KINDS}


def fingerprint(files: Mapping[str, Asset]) -> str:
    """Changes when any of the files does, so that browsers can keep them."""
    digest = hashlib.sha256()
    for name, file in files.items():
        digest.update(name.encode() + b"\0" + file.content)
    return digest.hexdigest()[:12]


class Renderer:
    """Turns a template and what it says into HTML. stamp: the static files' fingerprint."""

    def __init__(self, stamp: str) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["stamp"] = stamp
        self._environment.globals["followed"] = table.followed
        self._environment.filters["thousands"] = "{:,}".format

    def render(self, template: str, head: Head, **said: Any) -> str:
        """The page as HTML."""
        return self._environment.get_template(template).render(head=head, to=head.addresses, **said)
