"""How much each parameter matters: Sobol indices of what the surrogates believe, over the whole search space.

d: parameters searched.  u: (d,) uniform on [0, 1]: each equal part of a parameter's line, or each choice, is as
probable as any other, a parameter that is absent changes nothing, and all are independent.
f(u): the loss in the middle of what is believed at u.
first = V(E[f | u_i]) / V(f), total = E[V(f | all but u_i)] / V(f), by Saltelli et al. 2010 (`scipy.stats`).
"""

from __future__ import annotations

import numpy as np

from trimtab_service.domain.insight import Importance
from trimtab_service.optimizer.encoding import Encoding, Floats
from trimtab_service.optimizer.modelling import Model
from trimtab_service.optimizer.posterior import Posterior, Scale

__all__ = ["importances"]

_SAMPLES = 1024
"""N of the N (d + 2) evaluations; a power of 2."""
_RESAMPLES = 200
_CONFIDENCE = 0.9
_SEED = 0
_FLAT = 1e-9
"""A surrogate that varies by less than this, in units of what it sees, says that nothing matters."""
_NONE = Importance(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def importances(posterior: Posterior) -> dict[str, dict[str, Importance]]:
    """Metric -> parameter, in the order of the space -> importance. The same posterior gives the same answer."""
    return {
        metric: _of_model(posterior.encoding, one, scale) for metric, (one, scale) in posterior.by_metric().items()
    }


def _of_model(encoding: Encoding, one: Model, scale: Scale) -> dict[str, Importance]:
    """Parameter -> importance for one objective."""
    from scipy.stats import sobol_indices, uniform  # takes a second to import, and nothing else needs it

    def believed(u: Floats) -> Floats:
        """(d, k) -> (1, k)"""
        points = encoding.points(encoding.spread(u.T))
        return scale.losses(one.surrogate.predict(points)[0])[None, :]

    names = [axis.parameter.name for axis in encoding.axes]
    if np.ptp(believed(np.random.default_rng(_SEED).random((encoding.dims, _SAMPLES)))) <= _FLAT * one.warp.scale:
        return dict.fromkeys(names, _NONE)
    found = sobol_indices(
        func=believed, n=_SAMPLES, dists=[uniform()] * encoding.dims, rng=np.random.default_rng(_SEED)
    )
    spread = found.bootstrap(confidence_level=_CONFIDENCE, n_resamples=_RESAMPLES)
    first, total = found.first_order.ravel(), found.total_order.ravel()
    of = {
        name: Importance(
            first=float(first[place]),
            first_lower=float(spread.first_order.confidence_interval.low.ravel()[place]),
            first_upper=float(spread.first_order.confidence_interval.high.ravel()[place]),
            total=float(total[place]),
            total_lower=float(spread.total_order.confidence_interval.low.ravel()[place]),
            total_upper=float(spread.total_order.confidence_interval.high.ravel()[place]),
        )
        for place, name in enumerate(encoding.names)
    }
    return {name: of.get(name, _NONE) for name in names}
