"""What kind of failure an exception of a training means. Knows other libraries' exceptions by name only."""

from __future__ import annotations

_FAILURE_BY_NAME = {
    "MemoryError": "oom",
    "OutOfMemoryError": "oom",  # torch's and others', known by name so that none need be imported
    "TimeoutError": "timeout",
    "FloatingPointError": "nan",
}


def failure_kind(error: BaseException) -> str:
    """The kind of failure that an exception means: "oom", "timeout", "nan" or "error"."""
    for parent in type(error).__mro__:
        if parent.__name__ in _FAILURE_BY_NAME:
            return _FAILURE_BY_NAME[parent.__name__]
    return "error"
