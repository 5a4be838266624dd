"""What came of a study under limits: a part of `Study`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from trimtab import wire
from trimtab.errors import InvalidQuery
from trimtab.fronts import (
    Front,
    Hypervolume,
    Interval,
    Neighbour,
    Pick,
    PredictedBest,
    Ranked,
    Ranking,
    TradeOff,
    Worker,
    Workers,
)
from trimtab.insight import made
from trimtab.objective import Objective
from trimtab.questions import Questions

if TYPE_CHECKING:
    from trimtab.trial import Trial

Where = str | Sequence[str] | None
"""Conditions that must all hold, as text or a list of texts."""


class TradeOffs(Questions):
    """What can be asked of a study's finished trials: fronts, the best under limits, what a unit of budget buys.

    device: the name of a device, whose limits must hold too. where: conditions, as of `Study.trials`. Whatever breaks
    a limit of the study itself is left out.
    """

    @property
    def objectives(self) -> dict[str, Objective]:
        """The metrics that are optimised, in order."""
        raise NotImplementedError

    def _trial_of(self, record: Mapping[str, Any]) -> Trial:
        """A trial of this study."""
        raise NotImplementedError

    def pareto_front(self, device: str | None = None, where: Where = None) -> Front:
        """The feasible trials that no other beats in every objective, and among them variants of their models.

        Raises InvalidQuery, DeviceNotFound.
        """
        answer = self.send("GET", "pareto", params={"device": device, "where": listed(where)})
        trials = tuple(self._trial_of(record) for record in answer["items"])
        knee = answer.get("knee") or {}
        found = (one for one in trials if knee and (one.number, one.variant) == (knee["number"], knee["variant"]))
        return Front(
            trials,
            tuple(self.objectives),
            answer.get("hypervolume"),
            answer.get("reference"),
            bool(answer.get("reference_inferred")),
            next(found, None),
        )

    @overload
    def best(
        self,
        device: str | None = None,
        where: Where = None,
        *,
        predicted: Literal[False] = False,
        objective: str | None = None,
    ) -> Trial: ...
    @overload
    def best(
        self,
        device: str | None = None,
        where: Where = None,
        *,
        predicted: Literal[True],
        objective: str | None = None,
    ) -> PredictedBest: ...
    def best(
        self,
        device: str | None = None,
        where: Where = None,
        *,
        predicted: bool = False,
        objective: str | None = None,
    ) -> Trial | PredictedBest:
        """The best trial, or variant of its model, within the limits.

        objective: of which it is the best, by default the first. predicted: ask the surrogates over the whole space
        instead, for params that nobody has measured.
        Raises NoFeasibleTrial, which names the nearest, NoCompleteTrial, DeviceNotFound, InvalidQuery; NoSurrogate
        when predicted.
        """
        params = {"device": device, "where": listed(where), "objective": objective}
        answer = self.send("GET", "best", params=params | ({"predicted": "true"} if predicted else {}))
        if not predicted:
            return self._trial_of(answer)
        metrics = {metric: made(Interval, one) for metric, one in answer["metrics"].items()}
        return made(PredictedBest, {**answer, "metrics": metrics})

    def hypervolume(self, device: str | None = None, where: Where = None) -> Hypervolume:
        """How the hypervolume of the front grew with the trials. Raises InvalidQuery, DeviceNotFound."""
        answer = self.send("GET", "hypervolume", params={"device": device, "where": listed(where)})
        return Hypervolume(
            tuple(answer["numbers"]), tuple(answer["values"]), answer["reference"], bool(answer["reference_inferred"])
        )

    def knee(self, device: str | None = None, where: Where = None) -> Trial | None:
        """The trial on the front beyond which more of one objective costs much of another; None without one."""
        found = self.send("GET", "knee", params={"device": device, "where": listed(where)})["knee"]
        return None if found is None else self._trial_of(found)

    def pick(self, where: Where = None, device: str | None = None, *, by: str | None = None, **limits: float) -> Pick:
        """The model to take: the best within the limits, and what its neighbours on the front would buy.

        limits: metric -> the most that it may be, such as size_kb=64; the least for an objective to be maximised. by:
        the objective to be best of, by default the first.
        Raises NoFeasibleTrial, which names the nearest, NoCompleteTrial, DeviceNotFound, InvalidQuery.
        """
        conditions = [*listed(where), *(self._limit(metric, limit) for metric, limit in limits.items())]
        answer = self.send("GET", "pick", params={"where": conditions, "device": device, "by": by})
        return Pick(
            self._trial_of(answer["trial"]),
            answer["by"],
            answer["sentence"],
            tuple(
                Neighbour(self._trial_of(one["trial"]), dict(one["changes"]), one["sentence"])
                for one in answer["neighbours"]
            ),
        )

    def trade_off(self, of: str, against: str, *, points: int = 20) -> TradeOff:
        """The best of one metric that is attainable under each budget of another, and what a unit of budget buys.

        points: how many budgets. Raises InvalidQuery, NoSurrogate.
        """
        answer = self.send("GET", "trade-off", params={"of": of, "against": against, "points": points})
        columns = {name: tuple(one) if isinstance(one, list) else one for name, one in answer.items()}
        return made(TradeOff, columns)

    def rank(self, reward: str, *, where: Where = None, limit: int = 10) -> Ranking:
        """The feasible trials by a reward, the highest first; no new trials are needed.

        reward: an expression over metrics, such as `trimtab.mnas(…)` spells. Raises InvalidQuery.
        """
        answer = self.send("GET", "rank", params={"reward": reward, "where": listed(where), "limit": limit})
        items = tuple(Ranked(self._trial_of(one["trial"]), float(one["reward"])) for one in answer["items"])
        return Ranking(items, tuple(self.objectives), int(answer["unranked"]), answer["warning"] or "")

    def workers(self) -> Workers:
        """The workers that have failed lately, and which of them are paused."""
        return Workers(tuple(Worker.of(one) for one in self.send("GET", "workers")["items"]))

    def _limit(self, metric: str, limit: object) -> str:
        number = wire.number(metric, limit)
        objective = self.objectives.get(metric)
        return f"{metric} {'>=' if objective is not None and objective.maximize else '<='} {number!r}"


def listed(given: Where) -> list[str]:
    """A text or several as a list. Raises InvalidQuery."""
    if given is None:
        return []
    if isinstance(given, str):
        return [given]
    texts: list[Any] = list(given) if isinstance(given, Iterable) else [given]
    if not all(isinstance(one, str) for one in texts):
        raise InvalidQuery(f"expected text or a list of texts, got {given!r}")
    return texts
