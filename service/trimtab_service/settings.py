"""Every setting of the server. Read from TRIMTAB_* variables by the command line and the composition root only."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


class InvalidSetting(Exception):
    """A setting has no meaning or is not safe; the message says which one, what was expected and what came."""


@dataclass(frozen=True)
class Settings:
    """All settings, with their defaults. `TRIMTAB_<NAME>` sets each; docs/settings.md explains them."""

    database: str = "sqlite:///trimtab.db"
    host: str = "127.0.0.1"
    port: int = 8731
    auth: bool = True
    allowed_hosts: str = ""
    behind_proxy: bool = False
    forwarded_allow_ips: str = "127.0.0.1"
    root_path: str = ""
    workers: int = 1
    compute_workers: int = 1
    lease_seconds: float = 60.0
    deadline_seconds: float = 10.0
    log_level: str = "info"

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
        for field in fields(cls):
            text = environment.get(variable(field.name))
            if text is not None:
                found[field.name] = _parse(field.name, type(field.default), text)
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
