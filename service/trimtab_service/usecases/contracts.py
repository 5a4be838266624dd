"""Keeps figures that can't be compared apart: the first contract of a metric in a study fences all later ones."""

from __future__ import annotations

from collections.abc import Mapping

from trimtab_service.domain.contract import differences
from trimtab_service.domain.errors import ContractMismatch
from trimtab_service.domain.metric import Value, split_key
from trimtab_service.domain.study import Study
from trimtab_service.store import Transaction

_OF_A_VARIANT = frozenset({"dtype"})
"""What variants of one model may differ in."""


def fence(tx: Transaction, study: Study, *told: Mapping[str, Value], variants: bool = False) -> None:
    """Keep the contracts that come first, and compare those of all told values with the study's.

    variants: the values are variants' of a model, whose number type may be another. Raises ContractMismatch.
    """
    contracts = [(key, value.contract) for values in told for key, value in values.items() if value.contract]
    if not contracts:
        return
    if not variants:  # first, so that of two requests at once the later one is compared
        tx.keep_contracts(study, dict(reversed(contracts)))
    first = tx.first_contracts(study)
    for key, contract in contracts:
        different = differences(first.get(key, {}), contract)
        if variants:
            different = {name: one for name, one in different.items() if name not in _OF_A_VARIANT}
        if different:
            raise ContractMismatch(_sentence(study, key, different), metric=key, differences=different)


def _sentence(study: Study, key: str, different: Mapping[str, Mapping[str, object]]) -> str:
    metric, device = split_key(key)
    what = "; ".join(f"{name}: expected {one['expected']!r}, got {one['got']!r}" for name, one in different.items())
    aside = "" if device else f'; a figure of another device is told as {metric}["its name"]'
    return f"metric {key!r} of study {study.name!r} was measured otherwise before: {what}{aside}"
