"""Measure jobs: metrics of trained models that are measured later and elsewhere, as on the board itself."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from trimtab import wire
from trimtab.errors import JobNotFound, LeaseLost, MissingMetric, TrialAlreadyFinished
from trimtab.leased import Leased

if TYPE_CHECKING:
    from trimtab.client import Client

log = logging.getLogger("trimtab")

SOONEST, LATEST = 0.2, 5.0
"""Seconds between two looks for jobs while there are none."""


class Job(Leased):
    """One metric of one trial to be measured. Leased to this worker, and the lease is kept up in the background.

    As a context manager: an exception fails the job with its kind and goes on; Ctrl-C and SystemExit give it back; so
    does leaving without a tell, with a warning.
    """

    _OVER = (TrialAlreadyFinished, LeaseLost, JobNotFound)

    def __repr__(self) -> str:
        return f"<Job {self.id}: {self.metric} of trial {self.number} of {self.study!r}, params {self.params!r}>"

    @property
    def label(self) -> str:
        """ "measure job 7"."""
        return f"measure job {self.id}"

    @property
    def id(self) -> int:
        """What the server calls it."""
        return int(self._record["id"])

    @property
    def study(self) -> str:
        """The study's name."""
        return str(self._record["study"])

    @property
    def number(self) -> int:
        """The trial's number."""
        return int(self._record["number"])

    @property
    def metric(self) -> str:
        """What is to be measured."""
        return str(self._record["metric"])

    @property
    def device(self) -> str:
        """On which device; "" for any."""
        return str(self._record.get("device") or "")

    @property
    def params(self) -> dict[str, Any]:
        """The trial's params."""
        return dict(self._record["params"])

    @property
    def values(self) -> dict[str, float]:
        """What was told of the trial so far."""
        return dict(self._record.get("values") or {})

    @property
    def artifact(self) -> str:
        """Where the trained model is kept, as it was told with the trial."""
        return str(self._record.get("artifact") or "")

    def tell(self, value: Any) -> None:
        """Give the figure: a number, (value, stderr), {"value", "stderr", "contract"}, or a cost that holds it.

        NaN or infinity fails the job. Raises MissingMetric, InvalidValue, ContractMismatch, LeaseLost, JobNotFound.
        """
        if hasattr(value, "as_metrics"):
            known = value.as_metrics()
            if self.metric not in known:
                raise MissingMetric(f"expected a cost with {self.metric!r}, got one with {list(known)!r}")
            value = known[self.metric]
        told = wire.values({self.metric: value})
        odd = wire.not_finite(told)
        if odd:
            log.warning("%s fails (nan): %s", self.label, ", ".join(odd))
            self.fail("nan", ", ".join(odd))
            return
        self._close("tell", {"value": told[self.metric]})

    def __enter__(self) -> Job:
        return self

    def _post(self, verb: str, body: dict[str, Any], **how: Any) -> Any:
        path = f"/v1/measure/{self.id}/{verb}"
        return self._client.transport.send("POST", path, body={"epoch": self.epoch, **body}, **{"once": True, **how})


def leased(client: Client, metric: str, device: str, study: str | None, wait: float) -> Iterator[Job]:
    """See `Client.measure_jobs`."""
    body: dict[str, Any] = {"metric": metric, "device": device, "worker": client.worker, "count": 1}
    if study is not None:
        body["study"] = study
    until, pause = time.monotonic() + wait, SOONEST
    while True:
        found = client.transport.send("POST", "/v1/measure/ask", body=body, once=True)["jobs"]
        for record in found:
            job = Job(client, record)
            client.leases.add(job, float(record["lease_seconds"]))
            yield job
            until, pause = time.monotonic() + wait, SOONEST
        if not found:
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(pause, left))
            pause = min(LATEST, 1.5 * pause)
