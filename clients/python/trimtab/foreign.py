"""Knows what other tools call the arguments of a study, to say what Trimtab calls them."""

from __future__ import annotations

from collections.abc import Iterable

from trimtab.errors import InvalidStudy

_NAMES = {
    "direction": 'objectives={"metric": "maximize"}',
    "directions": 'objectives={"one": "maximize", "other": "minimize"}',
    "sampler": 'algorithm="gp", "grid", "random" or "sobol"',
    "pruner": "stopping=…, which is not built yet",
    "n_trials": "max_trials=…, the study's budget; or study.optimize(train, n_trials=…)",
    "study_name": "name, the first argument",
    "load_if_exists": "exist_ok=True",
    "storage": 'the server of the client: trimtab.Client(url) or trimtab.Client.local("trimtab.db")',
}


def refuse(function: str, unknown: Iterable[str]) -> None:
    """Raise for arguments that a function does not have: InvalidStudy with a hint for a known one, else TypeError."""
    names = sorted(unknown)
    for name in names:
        if name in _NAMES:
            raise InvalidStudy(f"{function} has no argument {name!r}: Trimtab calls this {_NAMES[name]}")
    if names:
        raise TypeError(f"{function}() got an unexpected keyword argument {names[0]!r}")
