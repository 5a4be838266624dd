"""Runs optimizer functions in other processes, with a deadline."""

from trimtab_service.compute.pool import Closed, Compute
from trimtab_service.compute.process import DeadlinePassed, WorkerDied

__all__ = ["Closed", "Compute", "DeadlinePassed", "WorkerDied"]
