"""A trial: params to evaluate and, while it is open, the way to report, tell, fail or give it back."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from trimtab import measured, wire
from trimtab.errors import (
    Forbidden,
    Invalid,
    LeaseLost,
    MissingMetric,
    NotSupported,
    ServerError,
    ServerUnreachable,
    TrialAlreadyFinished,
    TrialNotRunning,
    TrimtabError,
    Unauthorized,
    UnknownParameter,
)
from trimtab.failures import failure_kind
from trimtab.space import why_absent

if TYPE_CHECKING:
    from trimtab.costs import Cost
    from trimtab.study import Study
    from trimtab.surrogate import SuggestionCard

log = logging.getLogger("trimtab")

_OPEN_STATES = frozenset({"waiting", "running"})
_OUTAGES = (ServerUnreachable, ServerError, Unauthorized, Forbidden)
"""What says nothing of the training: the trial is left to its lease, and another attempt may have more luck."""


class Trial:
    """One evaluation. From `ask` it is leased to this worker, and the lease is kept up in the background.

    As a context manager: an exception fails the trial with its kind and goes on; Ctrl-C and SystemExit give the
    trial back; so does leaving without a tell, with a warning.
    """

    def __init__(self, study: Study, record: Mapping[str, Any]) -> None:
        self._study = study
        self._record = dict(record)
        self._logged: dict[str, float | dict[str, Any]] = {}
        self._next_step = 0
        self._closing = False
        self._closed = False
        self._lease_lost = False
        self._should_stop = False

    def __repr__(self) -> str:
        return f"<Trial {self.number} of {self._study.name!r}: {self.state}, params {self.params!r}>"

    def _repr_html_(self) -> str:
        from trimtab.costs import card

        return card.trial_html(self._record)

    def __getitem__(self, parameter: str) -> Any:
        params = self._record["params"]
        if parameter in params:
            return params[parameter]
        raise UnknownParameter(
            why_absent(self._study.record["space"], params, parameter)
            or f"params are {list(params)!r}, got {parameter!r}"
        )

    # --- What it is -------------------------------------------------------------------------------------------------

    @property
    def number(self) -> int:
        """Its place in the study, from 0."""
        return int(self._record["number"])

    @property
    def params(self) -> dict[str, Any]:
        """Parameter name -> value, for the parameters that are present."""
        return dict(self._record["params"])

    @property
    def epoch(self) -> int:
        """Rises with each hand-out: shows the server whose trial this is."""
        return int(self._record["epoch"])

    @property
    def state(self) -> str:
        """waiting, running, complete, stopped, infeasible or failed: as last heard from the server."""
        return str(self._record["state"])

    @property
    def values(self) -> dict[str, float]:
        """Metric -> value, as told."""
        return dict(self._record.get("values") or {})

    @property
    def stderrs(self) -> dict[str, float]:
        """Metric -> standard error, where one was told."""
        return dict(self._record.get("stderrs") or {})

    @property
    def contracts(self) -> dict[str, dict[str, Any]]:
        """Metric -> how its value was obtained, where that was told. One request, unless it is of `Study.trial`."""
        return dict(self._detail("contracts") or {})

    @property
    def reports(self) -> dict[int, dict[str, float]]:
        """Step -> {metric: value}, as reported. One request, unless it is of `Study.trial`."""
        return {int(one["step"]): dict(one["values"]) for one in self._detail("reports") or ()}

    @property
    def failure(self) -> dict[str, str] | None:
        """{"kind", "message"} when it failed."""
        return self._record.get("failure")

    @property
    def source(self) -> str:
        """Where the params come from: gp, initial, grid, random, sobol, fallback or user."""
        return str(self._record.get("source", ""))

    @property
    def worker(self) -> str:
        """Who holds it, or held it last."""
        return str(self._record.get("worker") or "")

    @property
    def is_open(self) -> bool:
        """Whether this handle can still tell, fail or release."""
        return self.state in _OPEN_STATES and not self._closed

    @property
    def lease_lost(self) -> bool:
        """Whether the server gave the trial up or to someone else. A tell is sent all the same: it may be first."""
        return self._lease_lost

    @property
    def should_stop(self) -> bool:
        """The stopping rule's advice, as of the last report."""
        return self._should_stop

    @property
    def record(self) -> dict[str, Any]:
        """Everything that the server said of the trial, as JSON."""
        return dict(self._record)

    def suggestion_card(self) -> SuggestionCard:
        """Why it was suggested, and what was expected of it then. One request."""
        return self._study.suggestion_card(self.number)

    # --- What is done with it ---------------------------------------------------------------------------------------

    def log(self, cost: Any) -> None:
        """Keep metrics for the tell: {metric: value}, or a cost, a compression report, a tracker of energy.

        Of the latter whatever has `as_metrics`. Raises InvalidValue.
        """
        self._logged |= wire.values(cost.as_metrics() if hasattr(cost, "as_metrics") else cost)

    def measure(self, model: Any, example_input: Any = None, *, before: bool = False, **options: Any) -> Cost:
        """`trimtab.measure` with its options; the cost is logged and returned. One stopwatch runs at a time.

        before: refuse a model that is too big before it is trained; not built yet, so True raises NotSupported.
        Raises what `trimtab.measure` raises.
        """
        if before:
            raise NotSupported("measure(before=True) needs preflight, which is not built yet: measure without before")
        cost = measured.measure(model, example_input, **options)
        self.log(cost)
        return cost

    def report(self, step: int | None = None, values: Any = None, **metrics: Any) -> bool:
        """Send intermediate values of a step (by default the one after the last); any order, safe to repeat.

        Returns `should_stop`. A report never ends the training for what the training can't help: what is not finite
        is left out; a lost lease, a trial that has finished elsewhere and a server that can't take it are logged.
        Raises Invalid: UnknownMetric, InvalidValue.
        """
        step = self._next_step if step is None else wire.step(step)
        self._next_step = step + 1
        told = wire.values(self._by_metric(values, metrics))
        odd = [metric for metric, one in told.items() if wire.not_finite({metric: one})]
        if odd:
            log.warning("trial %d: %s at step %s is not finite and not reported", self.number, ", ".join(odd), step)
        numbers = {
            metric: one["value"] if isinstance(one, dict) else one
            for metric, one in told.items()
            if metric not in odd
        }
        if not numbers:
            return self._should_stop
        try:
            answer = self._send("report", {"step": step, "values": numbers})
        except (LeaseLost, TrialAlreadyFinished, TrialNotRunning) as error:
            self.lose_lease(error)
        except Invalid:
            raise
        except TrimtabError as error:
            log.warning("trial %d: the report of step %s is lost: %s", self.number, step, error)
        else:
            self._should_stop = self._should_stop or bool(answer.get("should_stop"))
        return self._should_stop

    def tell(self, values: Any = None, /, **metrics: Any) -> None:
        """Give the result: {metric: value}, one number with a single objective, or metrics by keyword.

        A value is a number, a pair (value, stderr), or {"value", "stderr", "contract"}. Metrics that were logged
        need not be repeated. NaN or infinity closes the trial as failed, kind "nan".

        Raises TrialAlreadyFinished, MissingMetric, UnknownMetric, InvalidValue.
        """
        told = self._logged | wire.values(self._by_metric(values, metrics))
        if not told:
            raise MissingMetric(f"expected a value for each of {list(self._study.objectives)!r}, got none")
        odd = wire.not_finite(told)
        if odd:
            log.warning("trial %d counts as failed (nan): %s", self.number, ", ".join(odd))
            self.fail("nan", ", ".join(odd))
            return
        self._close("tell", {"values": told})

    def fail(self, kind: str = "error", message: object = "") -> None:
        """End it without a result. kind: oom, nan, timeout, error, or infrastructure (the last is handed out again).

        Raises TrialAlreadyFinished and LeaseLost.
        """
        self._close("fail", {"kind": kind, "message": wire.text(message)})

    def release(self) -> None:
        """Give it back unharmed: the next ask hands it out. Raises TrialAlreadyFinished and LeaseLost."""
        self._close("release", {})

    def __enter__(self) -> Trial:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self.is_open:
            return
        try:
            self._close_after(error)
        except TrimtabError as second:  # an error of the training is the one to see
            log.warning("trial %d could not be closed after %r: %s", self.number, error, second)

    # --- For the rooms next door ------------------------------------------------------------------------------------

    def renew(self, *, deadline: float) -> None:
        """Send one heartbeat, in one try. Raises LeaseLost, TrialAlreadyFinished and what the transport raises."""
        body = {"epoch": self.epoch}
        self._study.send("POST", f"trials/{self.number}/heartbeat", body=body, deadline=deadline, tries=1)

    def lose_lease(self, error: TrimtabError) -> None:
        """Remember that the lease is gone; unless this handle is just closing the trial itself."""
        if not self._lease_lost and not self._closing:
            self._lease_lost = True
            log.warning("trial %d: the lease is lost (%s); its result will be sent all the same", self.number, error)
        self._study.client.leases.drop(self)

    def _detail(self, name: str) -> Any:
        """What only the trial's own address shows."""
        known = self._record
        return known[name] if name in known else self._study.send("GET", f"trials/{self.number}")[name]

    def _close_after(self, error: BaseException | None) -> None:
        if error is None:
            log.warning("trial %d was neither told nor failed, so it is given back", self.number)
            self.release()
        elif isinstance(error, _OUTAGES):
            log.warning("trial %d is left to its lease after %s", self.number, type(error).__name__)
            self._study.client.leases.drop(self)
        elif isinstance(error, Exception):
            self.fail(failure_kind(error), f"{type(error).__name__}: {error}")
        else:
            self.release()

    def _by_metric(self, values: Any, metrics: Mapping[str, Any]) -> dict[str, Any]:
        if values is None:
            return dict(metrics)
        if isinstance(values, Mapping):
            return {**values, **metrics}
        if hasattr(values, "as_metrics"):
            return {**values.as_metrics(), **metrics}
        objectives = list(self._study.objectives)
        if len(objectives) != 1:
            raise MissingMetric(f"expected {{metric: value}} with a value for each of {objectives!r}, got {values!r}")
        return {objectives[0]: values, **metrics}

    def _send(self, verb: str, body: dict[str, Any]) -> Any:
        return self._study.send("POST", f"trials/{self.number}/{verb}", body={"epoch": self.epoch, **body}, once=True)

    def _close(self, verb: str, body: dict[str, Any]) -> None:
        self._closing = True  # the lease is renewed until the answer is here
        try:
            self._record |= self._send(verb, body)
        except (TrialAlreadyFinished, LeaseLost):
            self._let_go()
            raise
        finally:
            self._closing = False
        self._let_go()

    def _let_go(self) -> None:
        self._closed = True
        self._study.client.leases.drop(self)
