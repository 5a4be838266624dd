"""Keeps studies and trials in SQL. Knows SQLAlchemy, never why it is called."""

from trimtab_service.store.borders import Raced
from trimtab_service.store.columns import Columns
from trimtab_service.store.engines import file_of, name_of
from trimtab_service.store.mapping import KeyRow, SavedAnswer
from trimtab_service.store.measure_jobs import MeasureJob
from trimtab_service.store.store import Store, Transaction
from trimtab_service.store.tables import JobState
from trimtab_service.store.trials import NewTrial
from trimtab_service.store.workers import WorkerRow

__all__ = [
    "Columns",
    "JobState",
    "KeyRow",
    "MeasureJob",
    "NewTrial",
    "Raced",
    "SavedAnswer",
    "Store",
    "Transaction",
    "WorkerRow",
    "file_of",
    "name_of",
]
