"""A page of a longer list, and where the next one begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items in order. next_cursor: opaque text that asks for the items after these; None at the end."""

    items: tuple[T, ...]
    next_cursor: str | None = None

    def map(self, change: Callable[[T], U]) -> Page[U]:
        """The same page of other items."""
        return Page(tuple(change(item) for item in self.items), self.next_cursor)
