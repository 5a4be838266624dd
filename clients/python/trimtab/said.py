"""What the server said of a trial: number, params, values, limits kept and broken, and where it all came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trimtab.errors import UnknownParameter
from trimtab.space import why_absent

if TYPE_CHECKING:
    from trimtab.study import Study
    from trimtab.surrogate import SuggestionCard


class Said:
    """A trial as the server said it: a part of `Trial`."""

    _study: Study
    _record: dict[str, Any]

    def __repr__(self) -> str:
        variant = f" as {self.variant!r}" if self.variant else ""
        return f"<Trial {self.number} of {self._study.name!r}{variant}: {self.state}, params {self.params!r}>"

    def _repr_html_(self) -> str:
        from trimtab.costs import card

        return card.trial_html(self._record)

    def __getitem__(self, parameter: str) -> Any:
        params = self._record["params"]
        if parameter in params:
            return params[parameter]
        raise UnknownParameter(
            why_absent(self._study.record["space"], params, parameter)
            or f"params are {list(params)!r}, got {parameter!r}"
        )

    @property
    def number(self) -> int:
        """Its place in the study, from 0."""
        return int(self._record["number"])

    @property
    def params(self) -> dict[str, Any]:
        """Parameter name -> value, for the parameters that are present."""
        return dict(self._record["params"])

    @property
    def state(self) -> str:
        """waiting, running, complete, stopped, infeasible or failed: as last heard from the server."""
        return str(self._record["state"])

    @property
    def values(self) -> dict[str, float]:
        """Metric -> value, as told; of a variant, its own over the trial's."""
        return dict(self._record.get("values") or {})

    @property
    def stderrs(self) -> dict[str, float]:
        """Metric -> standard error, where one was told."""
        return dict(self._record.get("stderrs") or {})

    @property
    def feasible(self) -> bool | None:
        """Whether it keeps the study's limits; None while that is not known."""
        feasible: bool | None = self._record.get("feasible")
        return feasible

    @property
    def broken(self) -> tuple[str, ...]:
        """The limits that it breaks."""
        return tuple(self._record.get("broken") or ())

    @property
    def variant(self) -> str:
        """Which variant of its model this is, in an answer over variants; "" for the model as it was trained."""
        return str(self._record.get("variant") or "")

    @property
    def variants(self) -> dict[str, dict[str, float]]:
        """Variant -> {metric: value}: other forms of the model that were told with it."""
        return {name: dict(values) for name, values in (self._record.get("variants") or {}).items()}

    @property
    def artifact(self) -> str:
        """Where its model is kept, as told: the server does not look into it."""
        return str(self._record.get("artifact") or "")

    @property
    def contracts(self) -> dict[str, dict[str, Any]]:
        """Metric -> how its value was obtained, where that was told. One request, unless it is of `Study.trial`."""
        return dict(self._detail("contracts") or {})

    @property
    def reports(self) -> dict[int, dict[str, float]]:
        """Step -> {metric: value}, as reported. One request, unless it is of `Study.trial`."""
        return {int(one["step"]): dict(one["values"]) for one in self._detail("reports") or ()}

    @property
    def failure(self) -> dict[str, str] | None:
        """{"kind", "message"} when it failed."""
        return self._record.get("failure")

    @property
    def source(self) -> str:
        """Where the params come from: gp, initial, grid, random, sobol, fallback or user."""
        return str(self._record.get("source", ""))

    @property
    def worker(self) -> str:
        """Who holds it, or held it last."""
        return str(self._record.get("worker") or "")

    def suggestion_card(self) -> SuggestionCard:
        """Why it was suggested, and what was expected of it then. One request."""
        return self._study.suggestion_card(self.number)

    def _detail(self, name: str) -> Any:
        """What only the trial's own address shows."""
        known: Mapping[str, Any] = self._record
        return known[name] if name in known else self._study.send("GET", f"trials/{self.number}")[name]
