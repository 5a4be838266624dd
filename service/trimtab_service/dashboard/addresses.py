"""Where the pages lead: every address on them, behind whatever prefix a proxy puts in front."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from trimtab_service.domain.errors import InvalidQuery
from trimtab_service.domain.trial import TrialState

BY_PARAM = "param:"
"""Begins the order by a param, so that a metric of the same name has an order of its own."""


@dataclass(frozen=True, slots=True)
class Look:
    """Which trials a study's table shows. start: how many come before this page; it only serves the eye."""

    state: TrialState | None = None
    where: str = ""
    order: str = "-number"
    cursor: str = ""
    start: int = 0

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Look:
        """Read from an address. Raises InvalidQuery for a state or start that is none."""
        state, start = query.get("state", ""), query.get("start", "0") or "0"
        if state and state not in set(TrialState):
            raise InvalidQuery(f"expected a state, one of {[one.value for one in TrialState]!r}, got {state[:60]!r}")
        if not (start.isascii() and start.isdigit() and len(start) < 10):
            raise InvalidQuery(f"expected a whole number as start, got {start[:60]!r}")
        return cls(
            state=TrialState(state) if state else None,
            where=query.get("where", "").strip(),
            order=query.get("order") or "-number",
            cursor=query.get("cursor", ""),
            start=int(start),
        )

    @property
    def is_filtered(self) -> bool:
        """Whether some trials may be left out."""
        return self.state is not None or bool(self.where)

    @property
    def wheres(self) -> tuple[str, ...]:
        """The conditions."""
        return (self.where,) if self.where else ()

    def first(self) -> Look:
        """The first page of it."""
        return replace(self, cursor="", start=0)

    def query(self) -> dict[str, str]:
        """What is not as usual, for an address."""
        given = {
            "state": self.state.value if self.state else "",
            "where": self.where,
            "order": "" if self.order == "-number" else self.order,
            "cursor": self.cursor,
            "start": str(self.start) if self.start else "",
        }
        return {name: text for name, text in given.items() if text}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses on this server. prefix: the path that a proxy puts in front, without a slash at its end."""

    prefix: str = ""

    @property
    def home(self) -> str:
        """The list of studies."""
        return f"{self.prefix}/"

    @property
    def login(self) -> str:
        """Where one comes in."""
        return f"{self.prefix}/login"

    @property
    def logout(self) -> str:
        """Where one goes out."""
        return f"{self.prefix}/logout"

    def studies(self, cursor: str) -> str:
        """A later page of the list of studies."""
        return f"{self.home}?{urlencode({'cursor': cursor})}"

    def static(self, name: str, version: str) -> str:
        """A file that never changes under one version."""
        return f"{self.prefix}/static/{name}?{urlencode({'v': version})}"

    def study(self, name: str, look: Look | None = None, *, part: str = "") -> str:
        """A study's page. part: the id of the element to go to."""
        query = urlencode(look.query()) if look else ""
        address = f"{self.prefix}/s/{quote(name, safe='')}"
        return address + (f"?{query}" if query else "") + (f"#{part}" if part else "")

    def trial(self, study: str, number: int) -> str:
        """The page of one trial."""
        return f"{self.study(study)}/{number}"

    def csv(self, name: str, look: Look) -> str:
        """The trials that the look lets through, as CSV."""
        query = {"format": "csv"} | replace(look.first(), order=_of_api(look.order)).query()
        return f"{self.prefix}/v1/studies/{quote(name, safe='')}/trials?{urlencode(query)}"


def _of_api(order: str) -> str:
    """The order as the API takes it: by number where it has no such order."""
    return "-number" if order.removeprefix("-").startswith(BY_PARAM) else order
