"""Runs optimizer functions in other processes, with a deadline."""

from trimtab_service.compute.pool import Compute, DeadlinePassed, WorkerDied

__all__ = ["Compute", "DeadlinePassed", "WorkerDied"]
