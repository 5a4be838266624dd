"""Rewards that weigh accuracy against latency, spelled as expressions that the server computes."""

from __future__ import annotations

from trimtab import wire
from trimtab.errors import Invalid

SOFT = -0.07
"""Exponent of the soft reward: to take twice as long must buy about 5 % of accuracy (Tan et al. 2018, Section 3)."""


def mnas(
    accuracy: str,
    latency: str,
    target: float,
    *,
    w: float | None = None,
    alpha: float | None = None,
    beta: float | None = None,
) -> str:
    """The reward ACC · (LAT / T)^w of MnasNet (Tan et al. 2018, Eq. 2 and 3), for `Study.rank` and as a formula.

    accuracy, latency: names of metrics, such as "accuracy" and 'latency_ms["pi-zero"]'. target: T, in the latency's
    unit. w: the exponent, or alpha within the target and beta beyond it: alpha=0, beta=-1 is the hard reward, and
    -0.07 for both, the default, the soft one. `trimtab.costs.latency.reward` computes the same of two numbers.
    Raises Invalid.

    >>> mnas("accuracy", "latency_ms", 80)
    'mnas(accuracy, latency_ms, 80, -0.07, -0.07)'
    """
    if w is not None and (alpha is not None or beta is not None):
        raise Invalid(f"expected w, or alpha and beta, got w={w!r}, alpha={alpha!r}, beta={beta!r}")
    if (alpha is None) != (beta is None):
        raise Invalid(f"expected both alpha and beta, got alpha={alpha!r}, beta={beta!r}")
    if not wire.number("target", target) > 0:
        raise Invalid(f"target must be above 0, got {target!r}")
    both = SOFT if w is None else w
    within, beyond = (both, both) if alpha is None else (alpha, beta)
    numbers = (wire.number(name, one) for name, one in (("target", target), ("alpha", within), ("beta", beyond)))
    return f"mnas({accuracy}, {latency}, {', '.join(repr(number) for number in numbers)})"
