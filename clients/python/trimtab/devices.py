"""Devices: named limits on metrics, and what a client does with them."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trimtab import wire
from trimtab.errors import DeviceNotFound, Invalid
from trimtab.printed import Printed, Rows

if TYPE_CHECKING:
    from trimtab.transport import Transport

_PATH = "/v1/devices"


@dataclass(frozen=True, slots=True, repr=False)
class Device(Printed):
    """A device profile. limits: metric -> the most that the device takes; "limits" -> a list of conditions."""

    name: str
    limits: dict[str, Any]

    @property
    def conditions(self) -> tuple[str, ...]:
        """The limits as conditions, such as "size_bytes <= 64000"."""
        plain = (f"{metric} <= {most:g}" for metric, most in self.limits.items() if metric != "limits")
        return (*plain, *self.limits.get("limits", ()))

    def _title(self) -> str:
        return f"Device {self.name}"

    def _rows(self) -> Rows:
        return [{"limit": condition} for condition in self.conditions]


@dataclass(frozen=True, slots=True, repr=False)
class DeviceList(Printed, Sequence[Device]):
    """All devices, by name."""

    items: tuple[Device, ...]

    def __getitem__(self, place: Any) -> Any:
        return self.items[place]

    def __len__(self) -> int:
        return len(self.items)

    def _title(self) -> str:
        return f"Devices: {len(self)}"

    def _rows(self) -> Rows:
        return [{"device": one.name, "limits": ", ".join(one.conditions)} for one in self.items]


class Devices:
    """What can be done with devices: a part of `Client`."""

    transport: Transport

    def devices(self) -> DeviceList:
        """All devices, by name."""
        return DeviceList(tuple(_device(one) for one in self.transport.send("GET", _PATH)["items"]))

    def device(self, name: str) -> Device:
        """The device of this name. Raises DeviceNotFound."""
        return _device(self.transport.send("GET", _place(name)))

    def add_device(self, name: str, limits: Mapping[str, Any], *, replace: bool = False) -> Device:
        """Make a device, which any study can then be asked about. The same again is found.

        limits: metric -> the most that it takes, such as {"size_kb": 64, "latency_ms": 20}; and under "limits"
        a list of conditions, such as ["accuracy >= 0.9"]. replace: give the device of this name other limits.
        Raises DeviceConflict, Invalid.
        """
        body = {"name": name, "limits": wire.mapping("limits", limits, Invalid), "replace": replace}
        return _device(self.transport.send("POST", _PATH, body=body, once=True))

    def delete_device(self, name: str) -> None:
        """Forget the device; what was told of it stays. Raises DeviceNotFound."""
        self.transport.send("DELETE", _place(name), once=True)


def _place(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise DeviceNotFound(f"expected the name of a device, got {name!r}")
    return f"{_PATH}/{urllib.parse.quote(name, safe='', errors='replace')}"


def _device(record: Mapping[str, Any]) -> Device:
    return Device(str(record["name"]), dict(record["limits"]))
