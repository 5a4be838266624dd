"""Objects that print as a title with a table below it: text in a terminal, HTML in a notebook."""

from __future__ import annotations

from html import escape
from typing import Any

from trimtab import tables

Rows = list[dict[str, Any]]
"""Column -> what stands there, for each row of a table."""


class Printed:
    """Prints as a title with a table below it: `_title` and `_rows`."""

    def _title(self) -> str:
        raise NotImplementedError

    def _rows(self) -> Rows:
        raise NotImplementedError

    def __repr__(self) -> str:
        return "\n".join([self._title(), *(f"  {line}" for line in tables.table(self._rows()))])

    def _repr_html_(self) -> str:
        from trimtab.costs import card

        rows = self._rows()
        columns = list(dict.fromkeys(name for row in rows for name in row))
        cells = [[tables.cell(row[name]) if name in row else "" for name in columns] for row in rows]
        return f"<div><strong>{escape(self._title())}</strong>{card.table(cells, columns)}</div>"
