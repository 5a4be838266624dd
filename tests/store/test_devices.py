"""Devices are kept by name, in their project."""

from __future__ import annotations

import pytest

from tests.builders import a_project
from trimtab_service.domain.device import Device
from trimtab_service.domain.errors import DeviceNotFound

BOUNDS = Device("pi-zero", {"size_bytes": 64_000, "latency_ms": 20.5})
CONDITIONS = Device("board-2", ["size_bytes <= 64_000", "accuracy >= 0.9"])


def test_devices_come_back_as_they_were_saved_by_name(store):
    with store.begin() as tx:
        assert tx.devices() == ()
        tx.save_device(BOUNDS)
        tx.save_device(CONDITIONS)
    with store.read() as tx:
        assert tx.devices() == (CONDITIONS, BOUNDS)
        assert tx.device("pi-zero") == BOUNDS
        assert tx.device("board-2") == CONDITIONS


def test_a_saved_device_takes_the_place_of_another_definition(store):
    other = Device("pi-zero", {"macs": 1e6})
    with store.begin() as tx:
        tx.save_device(BOUNDS)
        tx.save_device(other)
        assert tx.devices() == (other,)


def test_a_device_that_is_not_there_is_not_found(store):
    with store.begin() as tx:
        tx.save_device(BOUNDS)
        for name in ("pi", "board-2"):
            with pytest.raises(DeviceNotFound, match=f"no device '{name}'"):
                tx.device(name)
            with pytest.raises(DeviceNotFound, match=f"no device '{name}'"):
                tx.delete_device(name)
        tx.delete_device("pi-zero")
        assert tx.devices() == ()


def test_devices_belong_to_their_project(store):
    elsewhere = a_project(store)
    with store.begin() as tx:
        tx.save_device(BOUNDS)
    with store.begin(elsewhere) as tx:
        assert tx.devices() == ()
        tx.save_device(Device("pi-zero", {"macs": 5.0}))
        tx.delete_device("pi-zero")
    with store.read() as tx:
        assert tx.devices() == (BOUNDS,)
