"""Devices are made once, found again, changed on purpose, and deleted."""

from __future__ import annotations

import pytest

from trimtab_service.domain.errors import DeviceConflict, DeviceNotFound, Invalid
from trimtab_service.usecases import devices


def test_a_device_is_made_found_replaced_and_deleted(rooms, caller, once):
    made = devices.save(rooms, caller, "pi-zero", {"size_bytes": 64_000}, once(), replace=False)
    again = devices.save(rooms, caller, "pi-zero", {"size_bytes": 64_000}, once(), replace=False)
    with pytest.raises(DeviceConflict, match="'pi-zero' has other limits"):
        devices.save(rooms, caller, "pi-zero", {"size_bytes": 1}, once(), replace=False)
    assert devices.get(rooms, caller, "pi-zero").limits == {"size_bytes": 64_000}
    other = devices.save(rooms, caller, "pi-zero", {"size_bytes": 1}, once(), replace=True)
    assert (made.status, again.status, other.status) == (201, 200, 200)
    assert [one.name for one in devices.every(rooms, caller)] == ["pi-zero"]
    assert devices.get(rooms, caller, "pi-zero").limits == {"size_bytes": 1}
    devices.delete(rooms, caller, "pi-zero", once())
    assert devices.every(rooms, caller) == ()
    with pytest.raises(DeviceNotFound):
        devices.delete(rooms, caller, "pi-zero", once())
    with pytest.raises(DeviceNotFound):
        devices.get(rooms, caller, "pi-zero")


@pytest.mark.parametrize(
    ("name", "limits"),
    [("a b", {"size_bytes": 1}), ("d", {}), ("d", {"size_bytes": "x"}), ("d", {"limits": ["1 +"]})],
)
def test_a_device_that_makes_no_sense_is_refused(rooms, caller, once, name, limits):
    with pytest.raises(Invalid):
        devices.save(rooms, caller, name, limits, once(), replace=False)
    assert devices.every(rooms, caller) == ()
