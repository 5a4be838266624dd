"""On what something was measured: the device's fingerprint. Two latencies compare only on equal devices."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

CPUINFO = Path("/proc/cpuinfo")
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
QUOTA = Path("/sys/fs/cgroup/cpu.max")


def fingerprint() -> dict[str, Any]:
    """What the time of a computation depends on, as JSON; what the system does not tell is left out.

    processor, architecture, cores (of the machine), usable_cores (of this process), core_quota (of its container),
    governor (of the frequency), accelerators (where torch is loaded and has any), system, python; id: a hash of all.
    """
    found = {
        "processor": processor(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "core_quota": _quota(QUOTA),
        "governor": _read(GOVERNOR),
        "accelerators": _accelerators(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
    known = {name: one for name, one in found.items() if one not in (None, "", [])}
    digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
    return {**known, "id": digest[:12]}


@functools.cache
def processor(cpuinfo: Path = CPUINFO) -> str:
    """The processor's name as the system gives it; empty when it gives none."""
    lines = (_read(cpuinfo) or "").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else platform.processor()


def name() -> str:
    """The device in a line: "cpu: AMD EPYC, x86_64"."""
    return ", ".join(filter(None, [f"cpu: {processor()}" if processor() else "cpu", platform.machine()]))


def _quota(path: Path) -> float | None:
    """The cores that a container may use (cgroup v2: "quota period" in µs)."""
    quota, _, period = (_read(path) or "").partition(" ")
    return round(int(quota) / int(period), 3) if quota.isdecimal() and period.isdecimal() else None


def _accelerators() -> list[str]:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
