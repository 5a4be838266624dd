"""What questions about fronts are answered with: the front, its hypervolume, a pick, a ranking."""

from __future__ import annotations

from trimtab_service.api.answers import Shape, TrialOut
from trimtab_service.usecases.front import Entry, Front, Progress
from trimtab_service.usecases.limits import Judge
from trimtab_service.usecases.pick import Pick
from trimtab_service.usecases.rank import Ranking


class KneeOut(Shape):
    """Which of a front's items is its knee."""

    number: int
    variant: str


class ParetoOut(Shape):
    """The feasible trials and variants that no other beats. hypervolume: in scaled units, from the reference.

    knee: the item beyond which little more of one objective costs much of another; null where there is none.
    """

    items: list[TrialOut]
    hypervolume: float | None
    reference: dict[str, float] | None
    reference_inferred: bool
    knee: KneeOut | None

    @classmethod
    def of(cls, judge: Judge, front: Front) -> ParetoOut:
        """The shape of a front."""
        bulge = front.knee
        return cls(
            items=[entry_out(judge, entry) for entry in front.entries],
            hypervolume=front.hypervolume,
            reference=None if front.reference is None else dict(front.reference),
            reference_inferred=front.inferred,
            knee=None if bulge is None else KneeOut(number=bulge.trial.number, variant=bulge.variant),
        )


class KneeTrialOut(Shape):
    """The knee of the front; null where it has fewer than three items, is straight or bends inwards."""

    knee: TrialOut | None


class HypervolumeOut(Shape):
    """The hypervolume after each feasible trial. numbers: the trials'."""

    numbers: list[int]
    values: list[float]
    reference: dict[str, float] | None
    reference_inferred: bool

    @classmethod
    def of(cls, progress: Progress) -> HypervolumeOut:
        """The shape of a hypervolume's growth."""
        return cls(
            numbers=list(progress.numbers),
            values=list(progress.values),
            reference=None if progress.reference is None else dict(progress.reference),
            reference_inferred=progress.inferred,
        )


class NeighbourOut(Shape):
    """A neighbour on the front. changes: metric -> its value less the picked one's."""

    trial: TrialOut
    changes: dict[str, float]
    sentence: str


class PickOut(Shape):
    """The best model by an objective, and what its neighbours on the front would buy or save."""

    trial: TrialOut
    by: str
    sentence: str
    neighbours: list[NeighbourOut]

    @classmethod
    def of(cls, judge: Judge, pick: Pick) -> PickOut:
        """The shape of a pick."""
        return cls(
            trial=entry_out(judge, pick.entry),
            by=pick.by,
            sentence=pick.sentence,
            neighbours=[
                NeighbourOut(trial=entry_out(judge, one.entry), changes=dict(one.changes), sentence=one.sentence)
                for one in pick.neighbours
            ],
        )


class RankedOut(Shape):
    """A trial and its reward."""

    trial: TrialOut
    reward: float


class RankingOut(Shape):
    """The highest rewards first. unranked: how many feasible trials and variants lack a value that it needs.

    warning: what the reward does not promise; empty where there is nothing to warn of.
    """

    items: list[RankedOut]
    unranked: int
    warning: str

    @classmethod
    def of(cls, judge: Judge, ranking: Ranking) -> RankingOut:
        """The shape of a ranking."""
        return cls(
            items=[RankedOut(trial=entry_out(judge, one.entry), reward=one.reward) for one in ranking.items],
            unranked=ranking.unranked,
            warning=ranking.warning,
        )


def entry_out(judge: Judge, entry: Entry) -> TrialOut:
    """A front's item: the trial with its variant's values."""
    return TrialOut.of(judge, entry.trial, entry.variant)
