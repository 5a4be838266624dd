"""The questions that a study's surrogates answer: a part of `Study`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any

from trimtab.errors import TrialNotFound
from trimtab.insight import Calibrations, Importances, Predictions, batches, made, predictions
from trimtab.surrogate import SuggestionCard, Surrogate, view

if TYPE_CHECKING:
    from trimtab.trial import Trial


class Questions:
    """What can be asked of a study's surrogates."""

    def send(self, method: str, path: str, *, params: Mapping[str, Any] | None = None) -> Any:
        """A request about the study."""
        raise NotImplementedError

    def predict(self, configurations: Iterable[Mapping[str, Any]]) -> Predictions:
        """What every objective is expected to be at each of some params: mean, standard deviation, 95 % interval.

        Raises InvalidParams, and NoSurrogate with too few complete trials.
        """
        return predictions([self.send("GET", "predict", params={"params": one}) for one in batches(configurations)])

    def importances(self) -> Importances:
        """How much each parameter matters for each objective. Raises NoSurrogate."""
        return Importances.of(self.send("GET", "importances"))

    def calibration(self) -> Calibrations:
        """Whether the surrogate of each objective can be trusted. Raises NoSurrogate."""
        return Calibrations.of(self.send("GET", "calibration"))

    def surrogate(
        self,
        parameter: str | None = None,
        second: str | None = None,
        *,
        base: Trial | Mapping[str, Any] | int | None = None,
        points: int | None = None,
        paths: int = 0,
        seed: int | None = None,
    ) -> Surrogate:
        """How the surrogates were fitted, and which bounds are active; along one parameter a slice, of two a contour.

        base: the trial, its number, or the params where all else is held; by default the best trial. points: places
        per parameter. paths: functions to draw from the posterior, with this seed or the study's.
        Raises InvalidQuery, InvalidParams, NoSurrogate.
        """
        params = view(parameter, second, base, points, paths, seed)
        return Surrogate.of(self.send("GET", "surrogate", params=params))

    def suggestion_card(self, number: int) -> SuggestionCard:
        """Why a trial was suggested, and what was expected of it then. Raises TrialNotFound."""
        return made(SuggestionCard, self.send("GET", "suggestion-card", params={"number": checked_number(number)}))


def checked_number(given: object) -> int:
    """A trial's number. Raises TrialNotFound for what is none."""
    if isinstance(given, bool) or not isinstance(given, Integral) or given < 0:
        raise TrialNotFound(f"expected the number of a trial, from 0, got {given!r}")
    return int(given)
