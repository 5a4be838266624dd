"""The front door: proposes params for the next trials from a problem and its history, the same whenever asked.

Naming these functions loads neither NumPy nor SciPy; calling them does. So the server can send them to a process of
their own without paying for what it never runs itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trimtab_service.domain.proposal import Proposals
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import History

__all__ = ["fallback_proposals", "load", "suggest", "why_unsatisfiable"]


def suggest(
    problem: Problem, history: History, surrogates: Mapping[str, Mapping[str, Any]], numbers: Sequence[int]
) -> Proposals:
    """One proposal per trial number, each made knowing the ones before; fewer, perhaps none, when none are left.

    A pure function: equal arguments give equal proposals, bit for bit (with one BLAS thread).
    history: in any order, told, failed and pending trials. surrogates: states kept from an earlier answer, or {}.
    """
    from trimtab_service.optimizer import algorithms

    return algorithms.suggest(problem, history, surrogates, numbers)


def fallback_proposals(problem: Problem, history: History, numbers: Sequence[int]) -> Proposals:
    """Quasi-random points for when no proposal could be computed, or the next points of a grid; no model is asked.

    None repeats the history or another; fewer than numbers, perhaps none, when none are left.
    """
    from trimtab_service.optimizer import algorithms

    return algorithms.fallback_proposals(problem, history, numbers)


def why_unsatisfiable(problem: Problem) -> str | None:
    """Why no params keep every space constraint; None where some do."""
    from trimtab_service.optimizer import satisfiable

    return satisfiable.why_unsatisfiable(problem)


def load() -> None:
    """Load what `suggest` needs, so that the first call need not wait for it."""
    import trimtab_service.optimizer.algorithms  # noqa: F401
