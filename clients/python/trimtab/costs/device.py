"""On what a figure was measured: what the system says of the device, and a short id to compare by.

Reads /proc and /sys where they are; what nobody tells is None. Imports no framework.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ROOT = Path("/")
_BESIDE = ("release", "python")
"""What may change without the device becoming another one."""


def fingerprint() -> dict[str, Any]:
    """The device as JSON. Two latencies compare only on devices with the same id.

    id: 12 hexadecimal digits of all the rest but the versions of software and the accelerators.
    processor, architecture: names. cores: logical ones; usable_cores: those that this process may run on.
    core_quota: how many cores' worth of time its container may use, None where nothing limits it.
    governor: how the frequency of the first core is chosen, such as "performance". memory_gib: of the machine.
    system: the operating system; release, python: versions.
    accelerators: the CUDA devices, None as long as torch is not loaded, which is why the id leaves them out: it would
    change with an import. What runs on one of them says so in its own contract.
    """
    return {**machine(), "accelerators": _accelerators()}


def name() -> str:
    """The device in a line: "cpu: AMD EPYC, x86_64"."""
    about = machine()
    return f"cpu: {', '.join(filter(None, (about['processor'], about['architecture']))) or 'unknown'}"


@functools.cache
def machine(root: Path = _ROOT) -> dict[str, Any]:
    """`fingerprint` without the accelerators. root: where proc and sys are."""
    about = {
        "processor": _processor(root),
        "architecture": platform.machine() or None,
        "cores": os.cpu_count(),
        "usable_cores": _usable_cores(),
        "core_quota": min(_quotas(root), default=None),
        "governor": _read(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or None,
        "memory_gib": _memory_gib(),
        "system": platform.system() or None,
        "release": platform.release() or None,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }
    told = json.dumps({key: value for key, value in about.items() if key not in _BESIDE}, sort_keys=True)
    return {"id": hashlib.sha256(told.encode()).hexdigest()[:12], **about}


def _processor(root: Path) -> str | None:
    """As x86 names it, as a small board names itself, or by implementer and part as other ARM processors do."""
    said: dict[str, str] = {}
    for line in _read(root / "proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        said.setdefault(key.strip(), value.strip())
    part = f"implementer {said.get('CPU implementer')}, part {said['CPU part']}" if "CPU part" in said else None
    return said.get("model name") or said.get("Model") or part or platform.processor() or None


def _usable_cores() -> int | None:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()


def _quotas(root: Path) -> Iterator[float]:
    """The limits of this process's cgroup and of those above it, in cores. Knows cgroup versions 1 and 2."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        controllers, _, place = line.partition(":")[2].partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
        inner = mount / place.lstrip("/")
        for folder in (inner, *inner.parents):
            if folder.is_relative_to(mount):
                if controllers:
                    quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
                else:
                    quota, _, period = _read(folder / "cpu.max").partition(" ")
                if quota.isdecimal() and period.isdecimal():  # "max" and -1 limit nothing
                    yield int(quota) / int(period)


def _memory_gib() -> int | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (AttributeError, OSError, ValueError):
        return None


def _accelerators() -> list[str] | None:
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]


def _read(path: Path) -> str:
    """The file's text, empty where it can't be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
