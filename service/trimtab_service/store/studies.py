"""The statements about studies: make, find, page, change, delete, and take trial numbers out of the budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, delete, func, insert, literal, or_, select, update
from sqlalchemy.exc import IntegrityError

from trimtab_service.domain.errors import StudyNameTaken, StudyNotFound
from trimtab_service.domain.page import Page
from trimtab_service.domain.study import Problem, Study, StudyState
from trimtab_service.store import cursor as cursors
from trimtab_service.store.borders import constraint_of
from trimtab_service.store.clock import now
from trimtab_service.store.mapping import to_study
from trimtab_service.store.scope import Scope
from trimtab_service.store.tables import studies

_NEWEST_FIRST = "newest"
_DELETE_TIMEOUT = "120s"


class Studies(Scope):
    """The statements about studies."""

    def add_study(
        self, public_id: str, name: str, problem: Problem, max_trials: int | None, metadata: Mapping[str, Any]
    ) -> Study:
        """A new, active study. Raises StudyNameTaken."""
        statement = (
            insert(studies)
            .values(
                project_id=self.project_id,
                public_id=public_id,
                name=name,
                state=StudyState.ACTIVE.value,
                spec=problem.to_spec(),
                max_trials=max_trials,
                charged=0,
                next_number=0,
                metadata=dict(metadata),
                created_at=now(),
            )
            .returning(*studies.c)
        )
        try:
            return to_study(self.connection.execute(statement).one())
        except IntegrityError as error:
            if constraint_of(error) == "studies_project_id_name_key":
                raise StudyNameTaken(f"a study named {name!r} exists already") from error
            raise

    def study(self, ref: str) -> Study:
        """The study of this name or public id. Raises StudyNotFound."""
        return self._study(ref, self._by_ref(ref))

    def lock_study(self, ref: str) -> Study:
        """The same, and nobody else changes it before this transaction ends."""
        return self._study(ref, self._by_ref(ref).with_for_update(key_share=True))

    def find_study(self, name: str) -> Study | None:
        """The study of this name, if there is one."""
        found = self.connection.execute(
            select(studies).where(self.own(studies), studies.c.name == name)
        ).one_or_none()
        return None if found is None else to_study(found)

    def studies(self, state: StudyState | None = None, cursor: str | None = None, limit: int = 50) -> Page[Study]:
        """Studies, the newest first. Raises InvalidQuery for a cursor that is none."""
        statement = select(studies).where(self.own(studies)).order_by(studies.c.id.desc()).limit(limit + 1)
        if state is not None:
            statement = statement.where(studies.c.state == state.value)
        if cursor is not None:
            _, last = cursors.decode(cursor, _NEWEST_FIRST)
            statement = statement.where(studies.c.id < last)
        found = [to_study(row) for row in self.connection.execute(statement)]
        items = tuple(found[:limit])
        more = len(found) > limit
        return Page(items, cursors.encode(_NEWEST_FIRST, None, items[-1].id) if more else None)

    def save_study(self, study: Study) -> None:
        """Keep its state, max_trials and metadata. Raises StudyNotFound."""
        saved = self.connection.execute(
            update(studies)
            .where(self.own(studies), studies.c.id == study.id)
            .values(state=study.state.value, max_trials=study.max_trials, metadata=dict(study.metadata))
        )
        if saved.rowcount == 0:
            raise StudyNotFound(f"there is no study {study.name!r}")

    def delete_study(self, study: Study) -> None:
        """Delete it with its trials, their values, reports and events, and its surrogates."""
        if (
            self.connection.dialect.name == "postgresql"
        ):  # a study of many trials takes longer than other statements may
            self.connection.execute(select(func.set_config("statement_timeout", _DELETE_TIMEOUT, literal(True))))
        self.connection.execute(delete(studies).where(self.own(studies), studies.c.id == study.id))

    def take_numbers(self, study: Study, count: int, charged: bool, seen: int | None = None) -> int | None:
        """Take the next count trial numbers, charged to the budget or not; the first of them.

        None when the next number is not the one seen, or when they are to be charged and the budget holds fewer than
        count or the study is not active.
        """
        statement = update(studies).where(self.own(studies), studies.c.id == study.id)
        changes: dict[str, Any] = {"next_number": studies.c.next_number + count}
        if charged:
            changes["charged"] = studies.c.charged + count
            statement = statement.where(
                studies.c.state == StudyState.ACTIVE.value,
                or_(studies.c.max_trials.is_(None), studies.c.charged + count <= studies.c.max_trials),
            )
        if seen is not None:
            statement = statement.where(studies.c.next_number == seen)
        after: int | None = self.connection.execute(
            statement.values(changes).returning(studies.c.next_number)
        ).scalar_one_or_none()
        return None if after is None else after - count

    def _by_ref(self, ref: str) -> Select[Any]:
        """A public id goes before a study that somebody named like it."""
        return (
            select(studies)
            .where(self.own(studies), or_(studies.c.public_id == ref, studies.c.name == ref))
            .order_by((studies.c.public_id == ref).desc())
            .limit(1)
        )

    def _study(self, ref: str, statement: Select[Any]) -> Study:
        found = self.connection.execute(statement).one_or_none()
        if found is None:
            raise StudyNotFound(f"there is no study {ref!r}")
        return to_study(found)
