"""A study: asks for trials, runs objectives over them, and reads what came of it."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from trimtab import optimizing, probing, wire, working
from trimtab.errors import InvalidParams, InvalidQuery
from trimtab.measured import Measured
from trimtab.objective import Objective, objectives_from_wire
from trimtab.questions import checked_number
from trimtab.space import Parameter, space_from_wire
from trimtab.trade_offs import TradeOffs, listed
from trimtab.trial import Trial

if TYPE_CHECKING:
    import pandas as pd

    from trimtab.client import Client
    from trimtab.costs.ledger import Ledger

PAGE = 100
"""Trials per request when a history is read."""


class Study(TradeOffs):
    """A problem and its trials, on the server. Made by `Client.study` and `Client.create_study`."""

    def __init__(self, client: Client, record: Mapping[str, Any]) -> None:
        self.client = client
        self._record = dict(record)

    def __repr__(self) -> str:
        counts = self._record.get("counts") or {}
        done = ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "no trials"
        return f"<Study {self.name!r}: {self.state}, {done}>"

    # --- What it is -------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Its name."""
        return str(self._record["name"])

    @property
    def id(self) -> str:
        """Its public id: stays the same, and is never used again."""
        return str(self._record["id"])

    @property
    def state(self) -> str:
        """active, paused, finished or archived: as of the last `refresh`, or look at `counts`."""
        return str(self._record["state"])

    @property
    def space(self) -> dict[str, Parameter]:
        """The parameters, in order."""
        return space_from_wire(self._record["space"])

    @property
    def objectives(self) -> dict[str, Objective]:
        """The metrics that are optimised, in order."""
        return objectives_from_wire(self._record["objectives"])

    @property
    def max_trials(self) -> int | None:
        """How many trials the study may hand out; None without a limit."""
        limit = self._record.get("max_trials")
        return None if limit is None else int(limit)

    @property
    def metadata(self) -> dict[str, Any]:
        """What was noted when the study was made."""
        return dict(self._record.get("metadata") or {})

    @property
    def counts(self) -> dict[str, int]:
        """Trial state -> how many trials, now: each look is one request, a `refresh`."""
        return dict(self.refresh().record.get("counts") or {})

    @property
    def record(self) -> dict[str, Any]:
        """Everything that the server said of the study, as JSON, as of the last `refresh`."""
        return dict(self._record)

    def refresh(self) -> Study:
        """Ask the server how the study stands now; returns the same study."""
        self._record = self.send("GET", "")
        return self

    # --- Trials -----------------------------------------------------------------------------------------------------

    @overload
    def ask(self, count: None = None) -> Trial: ...
    @overload
    def ask(self, count: int) -> list[Trial]: ...
    def ask(self, count: int | None = None) -> Trial | list[Trial]:
        """One trial, leased to this worker; with count a list of at most so many.

        Raises StudyFinished: its code is budget_reached, space_exhausted, study_paused or no_feasible_configuration;
        WorkerPaused after several failures in a row.
        """
        body = {"count": 1 if count is None else count, "worker": self.client.worker}
        records = self.send("POST", "ask", body=body, once=True)["trials"]
        trials = [Trial(self, record) for record in records]
        for trial, record in zip(trials, records, strict=True):
            self.client.leases.add(trial, float(record["lease_seconds"]))
        return trials[0] if count is None else trials

    def tell(self, trial: Trial, values: Any = None, /, **metrics: Any) -> None:
        """The same as `trial.tell`, which see for variants, devices and an artifact."""
        trial.tell(values, **metrics)

    def optimize(
        self,
        objective: Callable[[Trial], Any],
        n_trials: int | None = None,
        *,
        measure: Iterable[str] | None = None,
        workers: int = 1,
        executor: Any = None,
        progress: bool | None = None,
        catch: type[Exception] | tuple[type[Exception], ...] = (),
    ) -> None:
        """Ask, evaluate `objective(trial)` and tell, n_trials times or until the study hands out no more.

        objective: returns a value or {metric: value}; or tells, fails or releases the trial itself.
        measure: figures of `trimtab.measure`, such as ["size_bytes", "macs", "latency_ms"]. The objective returns
        (score, model, example_input); they are measured and told with the score. A mere number is the score of the
        objective that is not among them. One stopwatch runs at a time, but what threads train meanwhile slows it
        down: for latencies use workers=1, or processes on cores of their own.
        workers: how many trials run at once, in threads; with an executor, how many are submitted at once (by default
        as many as it says it has workers).
        executor: anything with `.submit`: processes, loky, Dask, submitit, MPI, Ray. The objective must be picklable.
        progress: True or False; by default a line when stderr is a terminal (TRIMTAB_PROGRESS=0 for none).
        catch: exceptions of the objective that fail their trial and do not end the run.

        Ends quietly when the budget is reached or the space is exhausted. A trial that is refused before its training
        (`Trial.measure(before=True)`, `Trial.preflight`) does not count. Any other exception of the objective fails
        its trial and is raised once the running ones have ended; so is UnknownCost, where a figure is not known of a
        model. Ctrl-C gives the running trials back and is raised.
        """
        catch = catch if isinstance(catch, tuple) else (catch,)
        if measure is not None:
            objective = Measured(objective, measure, self.objectives)
        optimizing.optimize(
            self, objective, n_trials, workers=workers, executor=executor, progress=progress, catch=catch
        )

    def work(self, n: int | None = None) -> Iterator[Trial]:
        """One leased trial after the other, n of them or until the study hands out no more, for a loop of your own.

        A trial that `preflight` refused does not count. Of a client with a worker's name (`Client(worker="gpu-0")`),
        the trials that a crash left open under this name come first, while their leases hold.
        Ends quietly when the budget is reached or the space is exhausted. Raises StudyFinished, WorkerPaused.
        """
        return working.work(self, n)

    def probe(
        self, cost_function: Callable[[dict[str, Any]], Any], n: int = 300, *, progress: bool | None = None
    ) -> int:
        """Teach the study what models cost, without training any; returns how many params were priced.

        cost_function: params -> {metric: value} or a cost, of what is known before the training (known_metrics and
        other costs). It is called for n params from all over the space; fewer when the space has no more.
        progress: as of `optimize`. Raises InvalidValue, UnknownMetric, and what the cost function raises.
        """
        return probing.probe(self, cost_function, n, progress)

    def resume_worker(self, name: str) -> None:
        """Let a worker that is paused since it failed several times in a row ask again."""
        self.send("POST", "workers/resume", body={"worker": name}, once=True)

    def enqueue(self, params: Mapping[str, Any]) -> Trial:
        """Try these params next. Raises InvalidParams."""
        body = {"params": wire.mapping("params", params, InvalidParams)}
        return Trial(self, self.send("POST", "enqueue", body=body, once=True))

    def add_trial(
        self,
        params: Mapping[str, Any],
        values: Mapping[str, Any] | float | None = None,
        *,
        state: str = "complete",
        variants: Mapping[str, Any] | None = None,
        artifact: object = "",
        kind: str = "error",
        message: object = "",
    ) -> Trial:
        """Add a result from elsewhere: complete with values, or state="failed" with a kind and a message.

        variants, artifact: as of `Trial.tell`.
        Raises InvalidParams, MissingMetric, UnknownMetric, InvalidValue.
        """
        one: dict[str, Any] = {"params": wire.mapping("params", params, InvalidParams), "state": state}
        if values is not None:
            single = next(iter(self.objectives))
            one["values"] = wire.values(values if isinstance(values, Mapping) else {single: values})
        if variants:
            one["variants"] = {name: wire.metrics(own) for name, own in variants.items()}
        if artifact:
            one["artifact"] = str(artifact)
        if state == "failed":
            one["failure"] = {"kind": kind, "message": wire.text(message)}
        answer = self.send("POST", "trials", body={"trials": [one]}, once=True)
        return Trial(self, answer["trials"][0])

    # --- What came of it --------------------------------------------------------------------------------------------

    @property
    def best_trial(self) -> Trial:
        """The best feasible trial of a study with one objective. Raises what `best` does."""
        if len(self.objectives) > 1:
            raise InvalidQuery(
                f"study {self.name!r} has the objectives {', '.join(self.objectives)}, so no single best trial: see "
                "pareto_front() or best(objective=…)"
            )
        return self.best()

    def trial(self, number: int) -> Trial:
        """One trial, with the contracts of its values and its reports. Raises TrialNotFound."""
        return Trial(self, self.send("GET", f"trials/{checked_number(number)}"))

    def trials(
        self,
        state: str | Sequence[str] | None = None,
        where: str | Sequence[str] | None = None,
        order: str | None = None,
    ) -> Iterator[Trial]:
        """The trials, page by page as they are wanted.

        state: one or several of waiting, running, complete, stopped, infeasible, failed.
        where: conditions that must all hold, like "accuracy >= 0.9 and size_bytes < 64_000".
        order: number, finished_at or a metric, with "-" before it the other way round.
        """
        params: dict[str, Any] = {
            "state": ",".join(listed(state)) or None,
            "where": listed(where),
            "order": order,
            "limit": PAGE,
        }
        while True:
            page = self.send("GET", "trials", params=params)
            yield from (Trial(self, record) for record in page["items"])
            if page.get("next_cursor") is None:
                return
            params["cursor"] = page["next_cursor"]

    def to_dataframe(self, **query: Any) -> pd.DataFrame:
        """One row per trial, by number; params_… and values_… columns. Takes what `trials` takes.

        Raises NotInstalled without pandas.
        """
        from trimtab import frames

        return frames.of_trials(self.trials(**query))

    def ledger(self, *, baseline: Any = None, small: Any = None) -> Ledger:
        """What the search used, and after how many inferences `small` has paid it back against `baseline`.

        Each is a trial or a cost with an energy_mj, or a number of mJ. Raises UnknownCost, InvalidValue.
        """
        from trimtab.costs.ledger import ledger

        return ledger(self.trials(), baseline, small)

    # --- Its life ---------------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Hand out no trials for now; running ones may still be told."""
        self._patch(state="paused")

    def resume(self) -> None:
        """Hand out trials again."""
        self._patch(state="active")

    def finish(self) -> None:
        """Declare the study done; `resume` opens it again."""
        self._patch(state="finished")

    def archive(self) -> None:
        """Put the study away; `resume` takes it out again."""
        self._patch(state="archived")

    def delete(self) -> None:
        """Delete the study and its trials for good."""
        self.send("DELETE", "", once=True)

    # --- For the rooms next door ------------------------------------------------------------------------------------

    def _trial_of(self, record: Mapping[str, Any]) -> Trial:
        """A trial of this study, of what the server said."""
        return Trial(self, record)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        once: bool = False,
        deadline: float | None = None,
        tries: int | None = None,
    ) -> Any:
        """A request about this study: the path goes on behind /v1/studies/{study}. The answer's JSON."""
        where = f"/v1/studies/{urllib.parse.quote(self.id, safe='')}" + (f"/{path}" if path else "")
        given = {name: value for name, value in (params or {}).items() if value not in (None, [])}
        return self.client.transport.send(
            method, where, body=body, params=given or None, once=once, deadline=deadline, tries=tries
        )

    def _patch(self, **changes: Any) -> None:
        self._record = self.send("PATCH", "", body=changes, once=True)
