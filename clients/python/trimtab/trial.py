"""A trial: params to evaluate and, while it is open, the way to report, tell, fail or give it back."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from trimtab import measured, units, wire
from trimtab.errors import (
    Invalid,
    InvalidValue,
    LeaseLost,
    MissingMetric,
    Refused,
    TrialAlreadyFinished,
    TrialNotRunning,
    TrimtabError,
)
from trimtab.leased import Leased
from trimtab.preflight import Verdict, verdict
from trimtab.said import Said

if TYPE_CHECKING:
    from trimtab.costs import Cost
    from trimtab.study import Study

log = logging.getLogger("trimtab")

_OPEN_STATES = frozenset({"waiting", "running"})


class Trial(Said, Leased):
    """One evaluation. From `ask` it is leased to this worker, and the lease is kept up in the background.

    As a context manager: an exception fails the trial with its kind and goes on; Ctrl-C and SystemExit give the
    trial back; so does leaving without a tell, with a warning. `Refused` ends the block quietly: the trial is closed
    already, and the next one can be asked for.
    """

    def __init__(self, study: Study, record: Mapping[str, Any]) -> None:
        super().__init__(study.client, record)
        self._study = study
        self._logged: dict[str, float | dict[str, Any]] = {}
        self._next_step = 0
        self._should_stop = False

    @property
    def label(self) -> str:
        """ "trial 3"."""
        return f"trial {self.number}"

    @property
    def is_open(self) -> bool:
        """Whether this handle can still tell, fail or release."""
        return self.state in _OPEN_STATES and not self._closed

    @property
    def should_stop(self) -> bool:
        """The stopping rule's advice, as of the last report."""
        return self._should_stop

    # --- Before the training ----------------------------------------------------------------------------------------

    def preflight(self, values: Any = None, /, **metrics: Any) -> Verdict:
        """Send what is known of the model before it is trained: {metric: value}, or a cost. Safe to repeat.

        The verdict is false when a limit is broken. Then the trial is closed as infeasible, costs no budget, and the
        next one can be asked for. The values are kept for the tell.
        Raises UnknownMetric, InvalidValue, LeaseLost, TrialAlreadyFinished.
        """
        told = wire.values(self._by_metric(values, metrics))
        odd = wire.not_finite(told)
        if odd:
            raise InvalidValue(f"preflight: expected finite numbers, but {', '.join(odd)}")
        answer = self._post("preflight", {"values": told})
        self._logged |= told
        self._record |= answer["trial"]
        found = verdict(answer, told)
        if not found:
            self._let_go()
        return found

    def measure(
        self,
        model: Any,
        example_input: Any = None,
        *,
        before: bool = False,
        latency: bool | None = None,
        **options: Any,
    ) -> Cost:
        """`trimtab.measure` with its options; the cost is logged and returned. One stopwatch runs at a time.

        before: the model is not trained yet. What is known of it already is measured (not the latency, unless
        latency=True; a torch model in eval mode) and goes through `preflight`.
        Raises what `trimtab.measure` raises; Refused when the model is over a limit: its trial is closed by then.
        """
        if not before:
            cost = measured.measure(model, example_input, latency=latency is not False, **options)
            self.log(cost)
            return cost
        with measured.as_used(model):
            cost = measured.measure(model, example_input, latency=bool(latency), **options)
        found = self.preflight(cost)
        if not found:
            raise Refused(f"{self.label} is {found}", extras={"number": self.number, "broken": list(found.broken)})
        return cost

    # --- What is done with it ---------------------------------------------------------------------------------------

    def log(self, cost: Any) -> None:
        """Keep metrics for the tell: {metric: value}, or a cost, a compression report, a tracker of energy.

        Of the latter whatever has `as_metrics`. Raises InvalidValue.
        """
        self._logged |= wire.metrics(cost)

    def steps(self, count: int) -> Iterator[int]:
        """0, 1, … to count - 1: the steps of the training. Ends early once the server says stop.

        A report in between is of the step that it falls into, unless it names another.
        """
        for step in range(count):
            if self._should_stop:
                log.info("%s stops before step %d of %d, as the server advised", self.label, step, count)
                return
            self._next_step = step
            yield step

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
            log.warning("%s: %s at step %s is not finite and not reported", self.label, ", ".join(odd), step)
        numbers = {metric: wire.plain(one) for metric, one in told.items() if metric not in odd}
        if not numbers:
            return self._should_stop
        try:
            answer = self._post("report", {"step": step, "values": numbers})
        except (LeaseLost, TrialAlreadyFinished, TrialNotRunning) as error:
            self.lose_lease(error)
        except Invalid:
            raise
        except TrimtabError as error:
            log.warning("%s: the report of step %s is lost: %s", self.label, step, error)
        else:
            self._should_stop = self._should_stop or bool(answer.get("should_stop"))
        return self._should_stop

    def tell(
        self,
        values: Any = None,
        /,
        *,
        devices: Mapping[str, Any] | None = None,
        variants: Mapping[str, Any] | None = None,
        artifact: object = "",
        **metrics: Any,
    ) -> None:
        """Give the result: {metric: value}, one number with a single objective, or metrics by keyword.

        A value is a number, a pair (value, stderr), or {"value", "stderr", "contract"}. Metrics that were measured or
        logged need not be repeated: one number is of the objective that is left, late and computed ones aside. NaN or
        infinity closes the trial as failed, kind "nan".
        devices: {device: {metric: value} or a cost}, the same as the metric latency_ms["pi-zero"].
        variants: {variant: {metric: value} or a cost}, of other forms of the model, such as int8; what is not told of
        a variant is as of the model itself. artifact: where the model is kept, for those who measure it later.

        Raises TrialAlreadyFinished, MissingMetric, UnknownMetric, InvalidValue, ContractMismatch.
        """
        told = self._logged | wire.values(self._by_metric(values, metrics)) | wire.of_devices(devices)
        if not told:
            raise MissingMetric(f"expected a value for each of {list(self._study.objectives)!r}, got none")
        odd = wire.not_finite(told)
        if odd:
            log.warning("%s counts as failed (nan): %s", self.label, ", ".join(odd))
            self.fail("nan", ", ".join(odd))
            return
        body: dict[str, Any] = {"values": told}
        if variants:
            body["variants"] = self._finite_variants(variants)
        if artifact:
            body["artifact"] = str(artifact)
        self._close("tell", body)

    def __enter__(self) -> Trial:
        return self

    # --- For the rooms next door ------------------------------------------------------------------------------------

    def _post(self, verb: str, body: dict[str, Any], **how: Any) -> Any:
        return self._study.send(
            "POST", f"trials/{self.number}/{verb}", body={"epoch": self.epoch, **body}, **{"once": True, **how}
        )

    def _ends_quietly(self, error: BaseException | None) -> bool:
        if isinstance(error, Refused) and self.state == "infeasible":
            log.info("%s", error)
            return True
        return super()._ends_quietly(error)

    def _by_metric(self, values: Any, metrics: Mapping[str, Any]) -> dict[str, Any]:
        if values is None:
            return dict(metrics)
        if isinstance(values, Mapping):
            return {**values, **metrics}
        if hasattr(values, "as_metrics"):
            return {**values.as_metrics(), **metrics}
        objectives = self._study.objectives
        elsewhere = {*self._logged, *(self._study.record.get("late_metrics") or ())}
        left = [
            name for name, one in objectives.items() if not units.follows(name, elsewhere) and one.formula is None
        ]
        left = left or list(objectives)
        if len(left) != 1:
            raise MissingMetric(f"expected {{metric: value}} with a value for each of {left!r}, got {values!r}")
        return {left[0]: values, **metrics}

    def _finite_variants(self, variants: Mapping[str, Any]) -> dict[str, Any]:
        """The variants as they travel; one that is not finite is left out, with a warning."""
        finite = {}
        for name, one in wire.mapping("variants", variants, InvalidValue).items():
            told = wire.metrics(one)
            odd = wire.not_finite(told)
            if odd:
                log.warning("%s: variant %r is left out: %s", self.label, name, ", ".join(odd))
            else:
                finite[name] = told
        return finite
