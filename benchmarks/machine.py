"""What a benchmark ran on, as it is kept beside its figures."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any


def machine() -> dict[str, Any]:
    """Cores, kind of processor, and versions."""
    versions = {name: version(name) for name in ("numpy", "scipy")}
    return {
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        **versions,
    }
