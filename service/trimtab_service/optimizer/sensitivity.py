"""How much each parameter matters: Sobol indices of what the surrogates believe, over the whole search space.

d: parameters searched.  u: (d,) uniform on [0, 1]: each equal part of a parameter's line, or each choice, is as
probable as any other, a parameter that is absent changes nothing, and all are independent.
f(u): the loss that z = posterior mean stands for; for intervals, that of functions drawn from the posterior.
first = V(E[f | u_i]) / V(f), total = E[V(f | all but u_i)] / V(f), by Saltelli et al. 2010 (`scipy.stats`).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from trimtab_service.domain.insight import Importance
from trimtab_service.optimizer.encoding import Encoding, Floats
from trimtab_service.optimizer.posterior import Posterior, Scale
from trimtab_service.optimizer.surrogate import NUGGET, Surrogate, matern, squared_distances

__all__ = ["drawn_functions", "importances"]

_EVALUATIONS = 32_768
"""N (d + 2) is about this; N is a power of 2 between these two."""
_FEWEST, _MOST = 512, 4_096
_DRAWS = 32
_FEATURES = 512
_AT_ONCE = 2_048
"""Points that are looked at together: more would need more memory and gain nothing."""
_LOW, _HIGH = 0.05, 0.95
_SEED = 0
_FLAT = 1e-9
"""A posterior mean that varies by less than this says that nothing matters."""
_NONE = Importance(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def importances(posterior: Posterior) -> dict[str, dict[str, Importance]]:
    """Metric -> parameter, in the order of the space -> importance. The same posterior gives the same answer."""
    return {
        metric: _of_objective(posterior.encoding, one.surrogate, scale)
        for metric, (one, scale) in posterior.by_metric().items()
    }


def _of_objective(encoding: Encoding, surrogate: Surrogate, scale: Scale) -> dict[str, Importance]:
    """Parameter -> importance for one objective."""
    from scipy.stats import sobol_indices, uniform  # takes a second to import, and nothing else needs it

    functions = drawn_functions(surrogate, _DRAWS, np.random.default_rng(_SEED))

    def of_uniforms(u: Floats) -> Floats:
        """(d, k) -> (1 + draws, k)"""
        blocks = (u[:, first : first + _AT_ONCE].T for first in range(0, u.shape[1], _AT_ONCE))
        return np.concatenate([functions(encoding.points(encoding.spread(block))) for block in blocks], axis=1)

    names = [axis.parameter.name for axis in encoding.axes]
    if np.ptp(of_uniforms(np.random.default_rng(_SEED).random((encoding.dims, 256)))[0]) <= _FLAT:
        return dict.fromkeys(names, _NONE)
    size = min(max(2 ** int(math.log2(_EVALUATIONS / (encoding.dims + 2))), _FEWEST), _MOST)
    found = sobol_indices(
        func=lambda u: scale.losses(of_uniforms(u)),
        n=size,
        dists=[uniform()] * encoding.dims,
        rng=np.random.default_rng(_SEED),
    )
    shape = (1 + _DRAWS, encoding.dims)  # of which SciPy leaves out a 1
    first, total = (np.clip(one.reshape(shape), 0.0, 1.0) for one in (found.first_order, found.total_order))
    of = {
        name: Importance(*_index(first[:, place]), *_index(total[:, place]))
        for place, name in enumerate(encoding.names)
    }
    return {name: of.get(name, _NONE) for name in names}


def _index(indices: Floats) -> tuple[float, float, float]:
    """The index of the posterior mean, which comes first, and the ends of what holds it and 90 % of the others."""
    low, high = np.quantile(indices[1:], [_LOW, _HIGH])
    return float(indices[0]), float(min(low, indices[0])), float(max(high, indices[0]))


def drawn_functions(surrogate: Surrogate, draws: int, rng: np.random.Generator) -> Callable[[Floats], Floats]:
    """The posterior mean, and functions drawn from the posterior, of z: (k, D) -> (1 + draws, k)

    A prior function in random Fourier features (Rahimi & Recht 2007; the spectral density of a Matérn 5/2 is a t
    distribution of 5 degrees of freedom, Rasmussen & Williams 2006, Eq. 4.15), brought to the data by Matheron's rule
    (Wilson et al. 2020): f(x) + k(x, X) A⁻¹ (z - m - f(X) - ε).
    """
    data, ell, s2 = surrogate.data, surrogate.length_scales, math.exp(surrogate.theta[-2])
    normal = rng.standard_normal((len(ell), _FEATURES))
    frequencies = normal / np.sqrt(rng.chisquare(5.0, _FEATURES) / 5.0) / ell[:, None]
    phases = rng.uniform(0.0, 2.0 * math.pi, _FEATURES)
    weights = rng.standard_normal((_FEATURES, draws))

    def prior(X: Floats) -> Floats:
        """(k, D) -> (k, draws)"""
        found: Floats = math.sqrt(2.0 * s2 / _FEATURES) * np.cos(X @ frequencies + phases) @ weights
        return found

    noise = np.sqrt(math.exp(surrogate.theta[-1]) / data.copies + data.extra + NUGGET)[:, None]
    missing = data.z[:, None] - surrogate.mean - prior(data.X) - noise * rng.standard_normal((len(data), draws))
    coefficients = np.column_stack([surrogate.alpha, surrogate.L_inverse.T @ (surrogate.L_inverse @ missing)])
    centre = data.X.mean(axis=0) if len(data) else 0.0  # squared distances lose fewer digits around it
    seen = (data.X - centre) / ell

    def functions(X: Floats) -> Floats:
        K = s2 * matern(squared_distances((X - centre) / ell, seen))[0]
        moved = K @ coefficients
        moved[:, 1:] += prior(X)
        found: Floats = surrogate.mean + moved.T
        return found

    return functions
