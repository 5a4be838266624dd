"""A trial's result: its values, those of its variants, and what is still to be measured of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trimtab_service.domain.metric import Value, split_key
from trimtab_service.domain.study import Problem, Study
from trimtab_service.domain.trial import Trial
from trimtab_service.domain.units import derived
from trimtab_service.store import Transaction
from trimtab_service.usecases.contracts import fence
from trimtab_service.usecases.limits import plain


@dataclass(frozen=True, slots=True)
class Result:
    """values: every objective's, but for late metrics. variants: name -> values that are the variant's own."""

    values: Mapping[str, Value]
    variants: Mapping[str, Mapping[str, Value]]

    @classmethod
    def of(
        cls,
        problem: Problem,
        values: Mapping[str, object],
        variants: Mapping[str, Mapping[str, object]],
        before: Mapping[str, Value] | None = None,
        *,
        complete: bool = True,
    ) -> Result:
        """The result, checked. before: what was told earlier. complete: every objective must be there.

        Raises UnknownMetric, InvalidValue and MissingMetric.
        """
        checked = problem.values(values, complete=complete, before=before)
        return cls(checked, problem.variants(variants, checked))

    def fence(self, tx: Transaction, study: Study) -> None:
        """Raises ContractMismatch for values that can't be compared with the study's others."""
        fence(tx, study, self.values)
        fence(tx, study, *self.variants.values(), variants=True)


def order_measurements(tx: Transaction, study: Study, trial: Trial) -> None:
    """Measure jobs for the late metrics that the complete trial lacks."""
    told = plain(trial.values)
    missing = [key for key in study.problem.late_metrics if derived(key, told) is None]
    if missing:
        tx.add_measure_jobs(study, trial.number, [split_key(key) for key in missing])
