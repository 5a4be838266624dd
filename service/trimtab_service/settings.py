"""Every setting of the server. Read from TRIMTAB_* variables by the command line and the composition root only."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

D = TypeVar("D")


class InvalidSetting(Exception):
    """A setting has no meaning or is not safe; the message says which one, what was expected and what came."""


def _setting(default: D, meaning: str) -> D:
    """A field of the settings. meaning: its line in the command's help."""
    chosen: D = field(default=default, metadata={"meaning": meaning})
    return chosen


@dataclass(frozen=True)
class Settings:
    """All settings, with their defaults. `TRIMTAB_<NAME>` sets each; docs/settings.md explains them."""

    database: str = _setting("sqlite:///trimtab.db", "sqlite:///FILE, or postgresql://USER:PASSWORD@HOST/NAME")
    host: str = _setting("127.0.0.1", "address to bind")
    port: int = _setting(8731, "port; 0 takes a free one")
    auth: bool = _setting(True, "whether a key is asked for; off is for a loopback address only")
    allowed_hosts: str = _setting("", "host names that people type to get here, by comma")
    behind_proxy: bool = _setting(False, "a proxy in front ends TLS; needed for a bind that is not loopback")
    forwarded_allow_ips: str = _setting("127.0.0.1", "proxies whose forwarding headers are believed, by comma")
    root_path: str = _setting("", "URL prefix that the proxy strips")
    workers: int = _setting(1, "server processes; more than one on PostgreSQL only")
    compute_workers: int = _setting(1, "processes in which each server process computes proposals")
    lease_seconds: float = _setting(60.0, "how long a trial is leased without a heartbeat")
    deadline_seconds: float = _setting(10.0, "how long a proposal may take before a quasi-random one is given")
    log_level: str = _setting("info", "debug, info, warning or error")

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise InvalidSetting(f"port must be in [0, 65535], got {self.port}")
        for name in ("workers", "compute_workers"):
            if not 1 <= getattr(self, name) <= 64:
                raise InvalidSetting(f"{name} must be in [1, 64], got {getattr(self, name)}")
        for name in ("lease_seconds", "deadline_seconds"):
            number = getattr(self, name)
            if not (math.isfinite(number) and 0 < number <= 86_400):
                raise InvalidSetting(f"{name} must be in (0, 86400] seconds, got {number}")
        if self.log_level not in ("debug", "info", "warning", "error"):
            raise InvalidSetting(f"log_level must be debug, info, warning or error, got {self.log_level!r}")
        if not self.database.startswith(("sqlite://", "postgresql://", "postgresql+psycopg://")):
            raise InvalidSetting("database must be sqlite:///FILE or postgresql://USER@HOST/NAME")
        if self.is_sqlite and self.workers > 1:
            raise InvalidSetting(f"an SQLite file is served by one process, got workers={self.workers}")

    def check_exposure(self) -> None:
        """Raise InvalidSetting unless the bind is loopback, or guarded by host names and a proxy."""
        if self.is_loopback:
            return
        if not self.auth:
            raise InvalidSetting(f"no-auth is only for a loopback address, got host {self.host!r}")
        if not self.allowed_hosts or not self.behind_proxy:
            raise InvalidSetting(
                f"host {self.host!r} can be reached from elsewhere: give allowed-hosts (the names people type) and "
                "behind-proxy (a proxy that ends TLS), or bind 127.0.0.1"
            )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is an embedded file."""
        return self.database.startswith("sqlite")

    @property
    def host_names(self) -> list[str]:
        """The Host headers that are answered."""
        return ["localhost", "127.0.0.1", "[::1]", *(name for name in self.allowed_hosts.split(",") if name)]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], **given: Any) -> Settings:
        """Settings of TRIMTAB_* variables, and above them those given that are not None. Raises InvalidSetting."""
        found: dict[str, Any] = {}
        for known in fields(cls):
            text = environment.get(variable(known.name))
            if text is not None:
                found[known.name] = _parse(known.name, type(known.default), text)
        return cls(**{**found, **_present(given)})


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"TRIMTAB_{name.upper()}"


def _present(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _parse(name: str, kind: type, text: str) -> Any:
    try:
        if kind is bool:
            return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[text.lower()]
        return kind(text)
    except (KeyError, ValueError) as error:
        raise InvalidSetting(f"{variable(name)} must be a {kind.__name__}, got {text!r}") from error
