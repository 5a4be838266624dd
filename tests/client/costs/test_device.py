"""The fingerprint of a device, read from folders that look like /proc and /sys."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from trimtab.costs import device


def a_machine(root: Path, **files: str) -> dict[str, object]:
    """The machine with these files; of a path, "__" stands for "/"."""
    for path, text in files.items():
        file = root / path.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return device.machine(root)


def test_the_fingerprint_is_json_and_the_same_every_time() -> None:
    one = device.fingerprint()

    assert one == device.fingerprint() == json.loads(json.dumps(one))
    assert one["cores"] >= one["usable_cores"] >= 1
    assert one["memory_gib"] >= 1
    assert len(one["id"]) == 12


def test_the_name_is_that_of_the_processor_and_the_architecture() -> None:
    about = device.fingerprint()

    assert device.name().startswith("cpu: ")
    assert about["architecture"] in device.name()


@pytest.mark.parametrize(
    ("cpuinfo", "processor"),
    [
        ("processor\t: 0\nmodel\t\t: 1\nmodel name\t: Fast One @ 3 GHz\nprocessor\t: 1\n", "Fast One @ 3 GHz"),
        ("processor\t: 0\nCPU part\t: 0xd08\n\nModel\t\t: Raspberry Pi 4 Model B\n", "Raspberry Pi 4 Model B"),
        ("processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n", "implementer 0x41, part 0xd0c"),
    ],
)
def test_the_processor_is_named_as_each_system_names_it(tmp_path, cpuinfo, processor) -> None:
    assert a_machine(tmp_path, proc__cpuinfo=cpuinfo)["processor"] == processor


def test_a_machine_that_tells_nothing_has_a_fingerprint_all_the_same(tmp_path) -> None:
    about = a_machine(tmp_path)

    assert (about["governor"], about["core_quota"]) == (None, None)
    assert about["cores"] == os.cpu_count()
    assert len(str(about["id"])) == 12


def test_another_governor_or_quota_is_another_device(tmp_path) -> None:
    governor = {"sys__devices__system__cpu__cpu0__cpufreq__scaling_governor": "powersave\n"}
    quota = {"proc__self__cgroup": "0::/\n", "sys__fs__cgroup__cpu.max": "150000 100000\n"}
    machines = [a_machine(tmp_path / str(number), **one) for number, one in enumerate(({}, governor, quota))]

    assert machines[1]["governor"] == "powersave"
    assert len({one["id"] for one in machines}) == 3


def test_the_same_machine_elsewhere_is_the_same_device(tmp_path) -> None:
    cpuinfo = "model name\t: Fast One\n"

    first, second = (a_machine(tmp_path / name, proc__cpuinfo=cpuinfo)["id"] for name in ("a", "b"))
    assert first == second


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"sys__fs__cgroup__cpu.max": "150000 100000\n"}, 1.5),
        ({"sys__fs__cgroup__cpu.max": "max 100000\n"}, None),
        (
            {"sys__fs__cgroup__box__job__cpu.max": "max 100000\n", "sys__fs__cgroup__box__cpu.max": "50000 100000\n"},
            0.5,
        ),
        ({"sys__fs__cgroup__cpu.max": "nonsense\n"}, None),
    ],
    ids=["limited", "unlimited", "limited further up", "unreadable"],
)
def test_a_containers_share_of_the_cores_is_told(tmp_path, files, quota) -> None:
    assert a_machine(tmp_path, proc__self__cgroup="0::/box/job\n", **files)["core_quota"] == quota


@pytest.mark.parametrize(("us", "quota"), [("250000", 2.5), ("-1", None)])
def test_a_containers_share_is_told_by_the_first_version_of_cgroups_too(tmp_path, us, quota) -> None:
    files = {
        "proc__self__cgroup": "5:cpuset:/box\n4:cpu,cpuacct:/box\n0::/\n",
        "sys__fs__cgroup__cpu__box__cpu.cfs_quota_us": us,
        "sys__fs__cgroup__cpu__box__cpu.cfs_period_us": "100000",
    }
    assert a_machine(tmp_path, **files)["core_quota"] == quota
