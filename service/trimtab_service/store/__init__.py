"""Keeps studies and trials in SQL. Knows SQLAlchemy, never why it is called."""

from trimtab_service.store.borders import Raced
from trimtab_service.store.engines import file_of, name_of
from trimtab_service.store.mapping import KeyRow, SavedAnswer
from trimtab_service.store.store import Store, Transaction
from trimtab_service.store.trials import NewTrial

__all__ = ["KeyRow", "NewTrial", "Raced", "SavedAnswer", "Store", "Transaction", "file_of", "name_of"]
