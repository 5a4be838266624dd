"""What begins anew in a forked process: locks that another thread may have held, threads that are no longer there."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forked(Protocol):
    """Something that does not survive a fork as it is."""

    def begin_anew(self) -> None:
        """Called in the child, before anything else and while it has one thread only."""


_alive: weakref.WeakSet[Forked] = weakref.WeakSet()


def watch(thing: Forked) -> None:
    """Let the thing begin anew in every process that is forked from now on."""
    _alive.add(thing)


def _begin_anew() -> None:
    for thing in list(_alive):
        thing.begin_anew()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_begin_anew)
