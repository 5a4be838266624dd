"""Devices: made, looked up, replaced and deleted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client.fake_server import FakeServer
from trimtab import Client, DeviceConflict, DeviceNotFound, Invalid
from trimtab.devices import Device


def test_a_device_is_made_found_and_deleted(server: FakeServer, client: Client) -> None:
    limits = {"size_kb": 64, "limits": ["accuracy >= 0.9"]}
    made = client.add_device("pi-zero", limits)
    assert made == Device("pi-zero", limits)
    assert made.conditions == ("size_kb <= 64", "accuracy >= 0.9")
    assert server.calls("/devices")[0].body == {"name": "pi-zero", "limits": limits, "replace": False}
    assert client.device("pi-zero") == made
    assert list(client.devices()) == [made]
    client.delete_device("pi-zero")
    assert list(client.devices()) == []
    with pytest.raises(DeviceNotFound, match="there is no device 'pi-zero'"):
        client.device("pi-zero")


def test_other_limits_are_a_conflict_unless_they_replace_the_old_ones(client: Client) -> None:
    client.add_device("pi-zero", {"size_kb": 64})
    client.add_device("pi-zero", {"size_kb": 64})
    with pytest.raises(DeviceConflict):
        client.add_device("pi-zero", {"size_kb": 32})
    assert client.add_device("pi-zero", {"size_kb": 32}, replace=True).limits == {"size_kb": 32}


@pytest.mark.parametrize("odd", ["", None, 5])
def test_what_is_no_name_is_no_device(server: FakeServer, client: Client, odd: Any) -> None:
    with pytest.raises(DeviceNotFound, match="expected the name of a device, got "):
        client.device(odd)
    with pytest.raises(DeviceNotFound):
        client.delete_device(odd)
    assert server.seen == []


def test_limits_that_are_no_mapping_are_refused(client: Client) -> None:
    with pytest.raises(Invalid, match=r"limits: expected \{name: value\}, got \['size_kb <= 64'\]"):
        client.add_device("pi-zero", ["size_kb <= 64"])  # type: ignore[arg-type]


def test_a_name_is_one_part_of_the_path(server: FakeServer, client: Client) -> None:
    with pytest.raises(DeviceNotFound):
        client.device("a/b")
    assert server.seen[-1].path == "/v1/devices/a%2Fb"


def test_devices_print_as_tables(client: Client) -> None:
    assert repr(client.devices()) == "Devices: 0"
    client.add_device("pi-zero", {"size_kb": 64, "latency_ms": 20.5})
    assert repr(client.devices()).splitlines() == [
        "Devices: 1",
        "  device   limits",
        "  pi-zero  size_kb <= 64, latency_ms <= 20.5",
    ]
    assert "latency_ms &lt;= 20.5" in client.device("pi-zero")._repr_html_()
