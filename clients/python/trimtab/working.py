"""Hands a loop one trial after the other, first what a crash of this very worker has left open."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trimtab.errors import Conflict, NotFound, StudyFinished
from trimtab.optimizing import QUIET_ENDS

if TYPE_CHECKING:
    from trimtab.study import Study
    from trimtab.trial import Trial

log = logging.getLogger("trimtab")

RENEWAL = 10.0
"""Seconds that the first heartbeat of a trial that is taken up again may take."""


def work(study: Study, n: int | None) -> Iterator[Trial]:
    """See `Study.work`."""
    done, trials = 0, _trials(study)
    while n is None or done < n:
        trial = next(trials, None)
        if trial is None:
            return
        yield trial
        done += trial.state != "infeasible"


def _trials(study: Study) -> Iterator[Trial]:
    if study.client.is_named:
        yield from _left_open(study)
    while True:
        try:
            trial = study.ask()
        except StudyFinished as error:
            if error.code not in QUIET_ENDS:
                raise
            log.info("study %s: %s: %s", study.name, error.code.replace("_", " "), error.detail)
            return
        yield trial


def _left_open(study: Study) -> Iterator[Trial]:
    """The running trials of this worker's name whose leases still hold; what ran out comes with an ask."""
    for trial in list(study.trials(state="running")):
        if trial.worker != study.client.worker:
            continue
        try:
            lease_seconds = trial.renew(deadline=RENEWAL)
        except (Conflict, NotFound) as error:
            log.info("%s is not taken up again: %s", trial.label, error)
            continue
        log.info("%s was left open and is taken up again", trial.label)
        study.client.leases.add(trial, lease_seconds)
        yield trial
