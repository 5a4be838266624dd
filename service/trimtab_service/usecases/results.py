"""A trial's result: its values, those of its variants, and what is still to be measured of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trimtab_service.domain.errors import Invalid, InvalidValue
from trimtab_service.domain.metric import Value, split_key
from trimtab_service.domain.study import VARIANT_NAME, Problem, Study
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
        known: Mapping[str, Value] | None = None,
        *,
        complete: bool = True,
    ) -> Result:
        """The result, checked. known: what was told before. complete: every objective must be there.

        Raises UnknownMetric, InvalidValue and MissingMetric.
        """
        earlier = {key: given(value) for key, value in (known or {}).items() if key not in problem.computed}
        return cls(
            problem.values({**earlier, **values}, complete=complete),
            {_variant_name(name): _variant(problem, name, one) for name, one in variants.items()},
        )

    def fence(self, tx: Transaction, study: Study) -> None:
        """Raises ContractMismatch for values that can't be compared with the study's others."""
        fence(tx, study, self.values)
        fence(tx, study, *self.variants.values(), variants=True)


def given(value: Value) -> dict[str, object]:
    """A value in the form in which it is told."""
    return {"value": value.value, "stderr": value.stderr, "contract": dict(value.contract)}


def order_measurements(tx: Transaction, study: Study, trial: Trial) -> None:
    """Measure jobs for the late metrics that the complete trial lacks."""
    told = plain(trial.values)
    missing = [key for key in study.problem.late_metrics if derived(key, told) is None]
    if missing:
        tx.add_measure_jobs(study, trial.number, [split_key(key) for key in missing])


def _variant_name(name: str) -> str:
    if not VARIANT_NAME.fullmatch(name):
        raise InvalidValue(f"a variant's name is 1 to 100 letters, digits, '.', '_' or '-', got {name!r}")
    return name


def _variant(problem: Problem, name: str, values: Mapping[str, object]) -> dict[str, Value]:
    try:
        return problem.values(values, complete=False)
    except Invalid as error:
        raise type(error)(f"variant {name!r}: {error.detail}", **error.extras) from error
