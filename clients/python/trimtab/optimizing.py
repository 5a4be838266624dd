"""Runs an objective over trials: one after the other, in threads, or on any executor that has `.submit`."""

from __future__ import annotations

import concurrent.futures
import logging
import os
import pickle
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

from trimtab.errors import Invalid, LeaseLost, NotSupported, StudyFinished, TrialAlreadyFinished, TrimtabError
from trimtab.progress import Progress
from trimtab.threads import Threads

if TYPE_CHECKING:
    from trimtab.study import Study
    from trimtab.trial import Trial

log = logging.getLogger("trimtab")

Catch = tuple[type[Exception], ...]
_AWAKE_SECONDS = 1.0
"""How long a wait for trials goes on without a look around."""
QUIET_ENDS = frozenset({"budget_reached", "space_exhausted"})
"""Codes of StudyFinished that are a run's ordinary end."""


@dataclass(frozen=True)
class Outcome:
    """What became of a trial; small enough to travel between processes."""

    number: int
    state: str
    values: dict[str, float]

    @property
    def counts(self) -> bool:
        """Whether it was one of the run's trials: one that was over a limit before its training took no budget."""
        return self.state != "infeasible"


@dataclass(frozen=True)
class End:
    """The study's ordinary end: a code of QUIET_ENDS and the server's sentence."""

    code: str
    detail: str


def optimize(
    study: Study,
    objective: Callable[[Trial], Any],
    n_trials: int | None,
    *,
    workers: int,
    executor: Any,
    progress: bool | None,
    catch: Catch,
) -> None:
    """See `Study.optimize`."""
    if not isinstance(workers, Integral) or workers < 1:
        raise Invalid(f"workers must be at least 1, got {workers!r}")
    if not isinstance(n_trials, Integral | None):
        raise Invalid(f"n_trials must be a whole number or None, got {n_trials!r}")
    if n_trials is not None and n_trials < 1:
        return
    with Progress(study, n_trials, wanted=progress) as line:
        if executor is None and workers == 1:
            end = _one_by_one(study, objective, n_trials, catch, line)
        else:
            end = _at_once(study, objective, n_trials, catch, line, workers, executor)
    if end is not None and not line.done:
        log.warning("study %s: %s, nothing was run: %s", study.name, end.code.replace("_", " "), end.detail)
    elif end is not None:
        log.info("study %s: %s: %s", study.name, end.code.replace("_", " "), end.detail)


def _one_by_one(
    study: Study, objective: Callable[[Trial], Any], n_trials: int | None, catch: Catch, line: Progress
) -> End | None:
    done = 0
    while n_trials is None or done < n_trials:
        outcome = run_one(study, objective, catch, Held())
        if not isinstance(outcome, Outcome):
            return outcome
        done += outcome.counts
        line.add(outcome, running=0)
    return None


def _at_once(
    study: Study,
    objective: Callable[[Trial], Any],
    n_trials: int | None,
    catch: Catch,
    line: Progress,
    workers: int,
    executor: Any,
) -> End | None:
    held = Held()
    pool = Threads() if executor is None else executor
    task, arguments = _task(study, objective, catch, held, pool)
    width = workers if executor is None or workers > 1 else _size(executor)
    running: list[Any] = []
    end: End | None = None
    started, error = 0, None
    try:
        while True:
            while end is None and error is None and len(running) < width and started != n_trials:
                running.append(_submit(pool, task, arguments, objective))
                started += 1
            if not running:
                break
            for future in _ended(running):
                running.remove(future)
                try:
                    outcome = future.result()
                except Exception as raised:  # noqa: BLE001, RUF100  # whatever the objective raises, once all have ended
                    error = error or _unpicklable(raised, objective) or raised
                    continue
                if isinstance(outcome, Outcome):
                    started -= not outcome.counts
                    line.add(outcome, running=len(running))
                else:
                    end = end or outcome
    except BaseException:
        for future in running:
            if hasattr(future, "cancel"):
                future.cancel()
        held.call_off()
        raise
    if error is not None:
        raise error
    return end


def _submit(
    pool: Any, task: Callable[..., Any], arguments: tuple[Any, ...], objective: Callable[[Trial], Any]
) -> Any:
    try:
        return pool.submit(task, *arguments)
    except Exception as error:
        unpicklable = _unpicklable(error, objective)
        if unpicklable is None:
            raise
        raise unpicklable from None


def _unpicklable(error: Exception, objective: Callable[[Trial], Any]) -> Invalid | None:
    """What to say when it was pickle that failed and the objective is why; else None. Some executors pickle more."""
    if not isinstance(error, pickle.PicklingError | AttributeError | TypeError) or "pickle" not in str(error):
        return None
    try:
        pickle.dumps(objective)
    except Exception as reason:  # noqa: BLE001, RUF100  # an object's own way to be pickled may raise anything
        name = getattr(objective, "__qualname__", repr(objective))
        return Invalid(
            "expected an objective that the executor's processes can import, such as a function at the top level of "
            f"a module, got {name}: {reason}"
        )
    return None


def _task(
    study: Study, objective: Callable[[Trial], Any], catch: Catch, held: Held, pool: Any
) -> tuple[Callable[..., Outcome | End | None], tuple[Any, ...]]:
    """What is submitted. Threads share the client; to other processes only an address, a key and a name travel."""
    if isinstance(pool, Threads | concurrent.futures.ThreadPoolExecutor):
        return run_one, (study, objective, catch, held)
    transport = study.client.transport
    if not transport.travels:
        raise NotSupported(
            "expected a client with an address, since an executor's workers make their own connections; "
            "got one whose http was passed in: use threads"
        )
    return run_elsewhere, (transport.url, transport.key, study.name, objective, catch)


def run_elsewhere(
    url: str, key: str | None, name: str, objective: Callable[[Trial], Any], catch: Catch
) -> Outcome | End | None:
    """`run_one` in a process that has nothing yet."""
    from trimtab.client import Client

    with Client(url, key) as client:
        return run_one(client.study(name), objective, catch, Held())


def run_one(study: Study, objective: Callable[[Trial], Any], catch: Catch, held: Held) -> Outcome | End | None:
    """Ask, evaluate, tell. None when the work was called off.

    Raises what the objective raises, unless it is to be caught; the trial has failed by then.
    """
    try:
        trial = held.take(study.ask)
    except StudyFinished as error:
        if error.code in QUIET_ENDS:
            return End(error.code, error.detail)
        raise
    if trial is None:
        return None
    try:
        with trial:
            result = objective(trial)
            if trial.is_open:
                _tell(trial, result)
    except catch as error:
        log.warning("trial %d failed: %s: %s", trial.number, type(error).__name__, error)
    finally:
        held.drop(trial)
    return Outcome(trial.number, trial.state, trial.values)


def _tell(trial: Trial, result: Any) -> None:
    try:
        trial.tell(result)
    except TrialAlreadyFinished as error:
        log.warning("trial %d: another worker was first: %s", trial.number, error)
    except LeaseLost as error:  # what is not finite counts only while the lease holds: another worker has the trial
        log.warning("trial %d: the failure is not counted: %s", trial.number, error)


def _ended(running: Sequence[Any]) -> list[Any]:
    """The futures that are done, waited for. Those of concurrent.futures wake us; others can only be asked."""
    if all(isinstance(future, concurrent.futures.Future) for future in running):
        done: set[Any] = set()
        while not done:  # now and then awake: a Ctrl-C that comes just before a wait would not end it
            done = concurrent.futures.wait(running, _AWAKE_SECONDS, concurrent.futures.FIRST_COMPLETED).done
        return [future for future in running if future in done]
    pause = 0.01
    while not (ended := [future for future in running if future.done()]):
        time.sleep(pause)
        pause = min(0.5, pause * 1.5)
    return ended


class Held:
    """The trials that this process is evaluating, so that all can be given back: those just asked for, too."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._trials: set[Trial] = set()
        self._asking = 0
        self._called_off = False

    def take(self, ask: Callable[[], Trial]) -> Trial | None:
        """Ask for a trial and hold it; None once the work was called off. Raises what the ask raises."""
        with self._changed:
            if self._called_off:
                return None
            self._asking += 1
        try:
            trial = ask()
            with self._changed:
                if not self._called_off:
                    self._trials.add(trial)
                    return trial
            _release(trial)
            return None
        finally:
            with self._changed:
                self._asking -= 1
                self._changed.notify_all()

    def drop(self, trial: Trial) -> None:
        """Hold the trial no more."""
        with self._changed:
            self._trials.discard(trial)

    def call_off(self, seconds: float = 10.0) -> None:
        """Take no more and release all. Waits for asks that are under way, at most so many seconds."""
        with self._changed:
            self._called_off = True
            trials = list(self._trials)
        for trial in trials:
            if trial.is_open:
                _release(trial)
        with self._changed:
            self._changed.wait_for(lambda: not self._asking, timeout=seconds)


def _release(trial: Trial) -> None:
    try:
        trial.release()
    except TrimtabError as error:
        log.warning("trial %d could not be given back: %s", trial.number, error)


def _size(executor: Any) -> int:
    """How many workers an executor says it has; the number of cores when it does not say."""
    size = getattr(executor, "_max_workers", None)
    return size if isinstance(size, int) and size > 0 else os.cpu_count() or 1
