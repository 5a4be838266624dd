"""Devices: named limits on metrics, to be asked about in any study, before or after its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trimtab_service.domain.device import Device
from trimtab_service.domain.errors import DeviceConflict, DeviceNotFound
from trimtab_service.usecases.once import Answer, Once
from trimtab_service.usecases.rooms import Caller, Rooms, again_when_raced

MADE, FOUND = 201, 200


def every(rooms: Rooms, caller: Caller) -> tuple[Device, ...]:
    """All devices, by name."""
    with rooms.store.read(caller.project_id) as tx:
        return tuple(tx.devices())


def get(rooms: Rooms, caller: Caller, name: str) -> Device:
    """The device of this name. Raises DeviceNotFound."""
    with rooms.store.read(caller.project_id) as tx:
        return tx.device(name)


@again_when_raced
def save(rooms: Rooms, caller: Caller, name: str, limits: Mapping[str, Any], once: Once, *, replace: bool) -> Answer:
    """A new device; with replace, in place of another definition.

    The same definition again is found. Raises DeviceConflict for another one, and Invalid for limits that make no
    sense.
    """
    device = Device(name, limits)
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        try:
            before = tx.device(name)
        except DeviceNotFound:
            tx.save_device(device)
            return once.save(tx, device, status=MADE)
        if before != device:
            if not replace:
                raise DeviceConflict(
                    f"device {name!r} has other limits: expected {dict(before.limits)!r}, got {dict(limits)!r}; "
                    "replace=true puts these in their place"
                )
            tx.save_device(device)
        return once.save(tx, device, status=FOUND)


@again_when_raced
def delete(rooms: Rooms, caller: Caller, name: str, once: Once) -> Answer:
    """Delete the device; what was told of it stays. Raises DeviceNotFound."""
    with rooms.store.begin(caller.project_id) as tx:
        if (answer := once.saved(tx)) is not None:
            return answer
        tx.delete_device(name)
        return once.save(tx, None)
