"""A connection within one project: what every group of statements stands on."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Table, and_, select
from sqlalchemy.dialects import postgresql, sqlite

from trimtab_service.domain.study import Study
from trimtab_service.store.kept import Memory
from trimtab_service.store.tables import trials


class Scope:
    """An open transaction that sees the rows of one project."""

    def __init__(self, connection: Connection, project_id: int, memory: Memory | None = None) -> None:
        """memory: what is known of studies, for a transaction that only reads."""
        self.connection = connection
        self.project_id = project_id
        self.memory = memory

    def own(self, table: Table) -> ColumnElement[bool]:
        """The condition that a row belongs to the project."""
        return table.c.project_id == self.project_id

    def of_study(self, study: Study) -> ColumnElement[bool]:
        """The condition that a trial belongs to the study, and to the project."""
        return and_(self.own(trials), trials.c.study_id == study.id)

    def of_number(self, study: Study, number: int) -> ColumnElement[bool]:
        """The condition that a trial is this one of the study."""
        return and_(self.of_study(study), trials.c.number == number)

    def row_of(self, study: Study, number: int) -> ScalarSelect[int]:
        """A trial's row id, as a subquery."""
        return select(trials.c.id).where(self.of_number(study, number)).scalar_subquery()

    def upsert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        """An insert that can say what happens when the row is there already, in the database's own dialect."""
        if self.connection.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)
