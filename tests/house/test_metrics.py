"""The service and the client call the costs of a model by the same names, in the same order."""

from __future__ import annotations

from trimtab.costs.cost import METRICS
from trimtab_service.domain.metric import COST_METRICS

OF_THE_TRAINING = ("training_energy_j", "training_co2_g")
"""What a tracker tells, beside the figures of a model."""


def test_every_cost_that_the_client_tells_is_known_to_the_service_without_being_declared() -> None:
    assert (*METRICS, *OF_THE_TRAINING) == COST_METRICS
