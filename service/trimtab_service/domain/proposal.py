"""A proposal: params that the optimizer proposes, before they are a trial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trimtab_service.domain.space import Params
from trimtab_service.domain.trial import Source


@dataclass(frozen=True, slots=True)
class Proposal:
    """Params that the optimizer proposes, and how it came to them."""

    params: Params
    source: Source


@dataclass(frozen=True, slots=True)
class Proposals:
    """items: in the order of the numbers asked for; fewer when the space is exhausted.

    surrogates: metric -> the state to keep for the next ask; empty when no model was fitted.
    """

    items: tuple[Proposal, ...]
    surrogates: dict[str, dict[str, Any]]
