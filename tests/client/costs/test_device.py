"""The fingerprint of a device."""

from __future__ import annotations

import json

from trimtab.costs import device


def test_the_fingerprint_is_json_and_the_same_every_time() -> None:
    one = device.fingerprint()
    assert one == device.fingerprint() == json.loads(json.dumps(one))
    assert one["cores"] >= one["usable_cores"] >= 1
    assert len(one["id"]) == 12


def test_another_governor_is_another_device(tmp_path, monkeypatch) -> None:
    before = device.fingerprint()
    (tmp_path / "governor").write_text("powersave\n")
    monkeypatch.setattr(device, "GOVERNOR", tmp_path / "governor")
    after = device.fingerprint()
    assert after["governor"] == "powersave"
    assert after["id"] != before["id"]


def test_the_processor_is_read_as_the_system_writes_it(tmp_path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nmodel name\t: Fast One @ 3 GHz\n")
    assert device.processor(file) == "Fast One @ 3 GHz"


def test_a_containers_share_of_the_cores_is_told(tmp_path) -> None:
    (tmp_path / "some").write_text("150000 100000\n")
    (tmp_path / "all").write_text("max 100000\n")
    assert device._quota(tmp_path / "some") == 1.5
    assert device._quota(tmp_path / "all") is None
    assert device._quota(tmp_path / "none") is None
