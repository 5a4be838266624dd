"""Runs optimizer functions in other processes, with a deadline."""

from trimtab_service.compute.pool import Closed, Compute, DeadlinePassed, WorkerDied

__all__ = ["Closed", "Compute", "DeadlinePassed", "WorkerDied"]
