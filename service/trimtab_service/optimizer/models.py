"""All surrogates of a study at one time: of its objectives, of its limits, and of where trials fail.

k points, D columns, m objectives, c limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trimtab_service.domain.study import Problem
from trimtab_service.optimizer.available import Mask
from trimtab_service.optimizer.borders import Border, borders
from trimtab_service.optimizer.encoding import Encoding, Floats
from trimtab_service.optimizer.modelling import Model, States, model
from trimtab_service.optimizer.past import Past
from trimtab_service.optimizer.scores import Below

__all__ = ["Models"]

_EVEN = 0.5


@dataclass(frozen=True, slots=True)
class Models:
    """Made by `Models.of`. borders: of the limits, in the problem's order, and then of failures, if any."""

    problem: Problem
    encoding: Encoding
    objectives: tuple[Model, ...]
    borders: tuple[Border, ...]

    @classmethod
    def of(cls, problem: Problem, encoding: Encoding, past: Past, states: States) -> Models:
        """The surrogates of what is modelled of the past. states: of an earlier fit, by name."""
        objectives = tuple(model(problem, encoding, past, states))
        return cls(problem, encoding, objectives, borders(problem, encoding, past, states))

    @property
    def limits(self) -> tuple[Border, ...]:
        """The borders that are limits."""
        return self.borders[: len(self.problem.limits)]

    @property
    def scores(self) -> tuple[Below, ...]:
        """ln of the probability of each thing that must hold and may not."""
        return tuple(border.score for border in self.borders if border.score is not None)

    @property
    def length_scales(self) -> Floats:
        """The shortest of all surrogates, per column. (D,)"""
        ours = [one.surrogate for one in self.objectives]
        ours += [one.surrogate for one in self.borders if one.surrogate is not None]
        shortest: Floats = np.min([one.length_scales for one in ours], axis=0)
        return shortest

    def holding(self, points: Floats, margins: Floats | None = None) -> Mask:
        """Which points keep every limit: by their margins, and where one is unknown by what is believed. -> (k,)

        points: (k, D).  margins: (k, c), None for all unknown.
        """
        known = np.full((len(points), len(self.limits)), np.nan) if margins is None else margins
        holds = known <= 0.0
        for place, border in enumerate(self.limits):
            unknown = np.isnan(known[:, place])
            if np.any(unknown):
                holds[unknown, place] = border.probability(points[unknown]) >= _EVEN
        every: Mask = np.all(holds, axis=1)
        return every

    def to_states(self, past: Past) -> dict[str, dict[str, Any]]:
        """The JSON form, by metric and by the border's name."""
        metrics = zip(self.problem.objective_names, self.objectives, strict=True)
        return {metric: one.to_state(self.encoding, past) for metric, one in metrics} | {
            border.name: border.to_state(self.encoding) for border in self.borders if border.surrogate is not None
        }
