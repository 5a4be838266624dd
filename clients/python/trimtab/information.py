"""Measures of information: what a message must cost. `trimtab.coding` is where people find them.

A distribution is a dict {symbol: weight}, a sequence of weights, or a text or bytes, whose symbols are counted; a
list of symbols goes through collections.Counter. Weights are counts or probabilities: they are divided by their sum.
Everything is in bits. 0 · log 0 = 0.
Sources: Shannon 1948; Cover & Thomas 2006, chapter 2.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from trimtab.errors import TrimtabError

Distribution = Mapping[Any, float] | Sequence[float] | str | bytes


class InvalidDistribution(TrimtabError, ValueError):
    """The weights are no distribution."""

    code = "invalid_distribution"


def entropy(p: Distribution) -> float:
    """H(p) = -Σ p log2 p, in bits per symbol (Cover & Thomas, Eq. 2.1). Nothing at all has entropy 0.

    Raises InvalidDistribution.

    >>> entropy([1, 1])
    1.0
    >>> entropy([1/2, 1/4, 1/8, 1/8])
    1.75
    >>> round(entropy("BCDADA"), 4), round(entropy("DFEADEEDE"), 4), round(entropy("BCAADDCADCACFACE"), 4)
    (1.9183, 1.7527, 2.2516)
    """
    return math.fsum(-share * math.log2(share) for share in shares(p).values() if share > 0) + 0.0


def cross_entropy(p: Distribution, q: Distribution) -> float:
    """H(p, q) = -Σ p log2 q: the bits per symbol of p under a code made for q. Infinite where q = 0 < p.

    Raises InvalidDistribution.

    >>> p, q = (1/2, 1/4, 1/8, 1/8), (1/8, 1/2, 1/4, 1/8)
    >>> cross_entropy(p, q), cross_entropy(q, p)
    (2.375, 2.25)
    """
    ours, theirs = shares(p), shares(q)
    if any(share > 0 and theirs.get(symbol, 0) == 0 for symbol, share in ours.items()):
        return math.inf
    return math.fsum(-share * math.log2(theirs[symbol]) for symbol, share in ours.items() if share > 0) + 0.0


def kl_divergence(p: Distribution, q: Distribution) -> float:
    """KL(p, q) = Σ p log2 (p / q): what the wrong code costs (Cover & Thomas, Eq. 2.26). Infinite where q = 0 < p.

    Raises InvalidDistribution.

    >>> p, q = (1/2, 1/4, 1/8, 1/8), (1/8, 1/2, 1/4, 1/8)
    >>> kl_divergence(p, q), kl_divergence(q, p), kl_divergence(p, p)
    (0.625, 0.5, 0.0)
    >>> kl_divergence([1, 1], [1, 0])
    inf
    """
    ours, theirs = shares(p), shares(q)
    if any(share > 0 and theirs.get(symbol, 0) == 0 for symbol, share in ours.items()):
        return math.inf
    terms = (share * math.log2(share / theirs[symbol]) for symbol, share in ours.items() if share > 0)
    return max(0.0, math.fsum(terms))  # round-off can make it -1e-17


def entropy_bound(message: Iterable[Hashable]) -> float:
    """n · H bits: less than that no code of single symbols needs for the message (Shannon 1948, theorem 9).

    >>> [round(entropy_bound(text), 3) for text in ("BCDADA", "DFEADEEDE", "BCAADDCADCACFACE")]
    [11.51, 15.774, 36.026]
    >>> [round(8 * len(text) / entropy_bound(text), 4) for text in ("BCDADA", "DFEADEEDE", "BCAADDCADCACFACE")]
    [4.1704, 4.5643, 3.553]
    """
    counts = Counter(message)
    return counts.total() * entropy(counts)


def shares(p: Distribution) -> dict[Any, float]:
    """Symbol -> weight / sum of all weights. Raises InvalidDistribution."""
    weights: dict[Any, float]
    if isinstance(p, Mapping):
        weights = dict(p)
    elif isinstance(p, str | bytes | bytearray):
        weights = dict(Counter(p))
    else:
        weights = dict(enumerate(p))
    check(weights)
    total = math.fsum(weights.values())
    if weights and total <= 0:
        raise InvalidDistribution(f"expected weights that add up to more than 0, got {weights!r}")
    return {symbol: weight / total for symbol, weight in weights.items()}


def check(weights: Mapping[Any, float]) -> None:
    """Raises InvalidDistribution for a weight that is negative or not finite."""
    for symbol, weight in weights.items():
        try:
            fine = math.isfinite(weight) and weight >= 0
        except TypeError:
            fine = False
        if not fine:
            raise InvalidDistribution(f"expected finite weights of at least 0, got {weight!r} for {symbol!r}")
