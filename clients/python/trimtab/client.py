"""The way to a server: its studies, and the connection and the leases that they share."""

from __future__ import annotations

import os
import socket
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from trimtab import credentials, foreign, jobs
from trimtab.devices import Devices
from trimtab.errors import InvalidStudy, StudyNotFound
from trimtab.leases import Leases
from trimtab.objective import Objective, objectives_to_wire
from trimtab.space import Parameter, space_to_wire
from trimtab.study import Study
from trimtab.transport import Transport

if TYPE_CHECKING:
    import httpx2

    from trimtab.local import LocalServer


class Client(Devices):
    """A server. Threads may share it; `close` it, or use it as a context manager.

    url, key: by default TRIMTAB_URL and TRIMTAB_KEY, then http://127.0.0.1:8731 and the credentials file.
    http: an httpx2.Client (or Starlette's TestClient) to be used instead of an own one; it stays open.
    timeout: seconds of silence after which a try is given up, 5 for the connection. deadline: seconds that a call
    may take with its tries. worker: under which name trials are asked for, by default one of this process; of a name
    given, `Study.work` takes up what it left open in a crash, so no two processes may share it.

    Raises ServerUnreachable for what is no address, InvalidCredentials for what is no key, Invalid.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        http: httpx2.Client | None = None,
        timeout: float = 30.0,
        deadline: float = 60.0,
        worker: str | None = None,
    ) -> None:
        address = credentials.find_url(url or (str(http.base_url) if http is not None else None))
        self.transport = Transport(
            address, credentials.find_key(address, key), http=http, timeout=timeout, deadline=deadline
        )
        self.leases = Leases()
        self.is_named = worker is not None
        self.worker = f"{socket.gethostname()[:80]}-{os.getpid()}" if worker is None else worker
        self._local: LocalServer | None = None

    @classmethod
    def local(
        cls,
        path: str | os.PathLike[str],
        *,
        timeout: float = 30.0,
        deadline: float = 60.0,
        worker: str | None = None,
    ) -> Client:
        """A client of a server on a SQLite file, started if need be: it ends with its last client.

        Where the file is served already, that server is joined.
        Raises Invalid for what is no path, NotInstalled without `trimtab-service`, NotSupported without file locks,
        ServerNotStarted.
        """
        from trimtab import local

        server = local.join(path)
        client = cls(server.url, server.key, timeout=timeout, deadline=deadline, worker=worker)
        client._local = server
        return client

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client of {self.url}>"

    @property
    def url(self) -> str:
        """The server's address."""
        return self.transport.url

    def close(self) -> None:
        """Stop the heartbeat, close the connections, and leave a local server, which ends with its last client."""
        self.leases.close()
        self.transport.close()
        if self._local is not None:
            self._local.leave()

    def create_study(
        self,
        name: str,
        *,
        space: Mapping[str, Parameter | Mapping[str, Any]] | None = None,
        objectives: Mapping[str, str | Objective | Mapping[str, Any]] | None = None,
        metrics: Sequence[str] | None = None,
        algorithm: str = "gp",
        options: Mapping[str, Any] | None = None,
        max_trials: int | None = None,
        seed: int = 0,
        metadata: Mapping[str, Any] | None = None,
        exist_ok: bool = False,
        constraints: Sequence[str] | None = None,
        space_constraints: Sequence[str] | None = None,
        known_metrics: Sequence[str] | None = None,
        late_metrics: Sequence[str] | None = None,
        stopping: Mapping[str, Any] | None = None,
        baseline: Mapping[str, Any] | None = None,
        devices: Any = None,
        **unknown: Any,
    ) -> Study:
        """Make a study.

        space: parameter name -> Float, Int, Categorical or Constant. objectives: metric -> "minimize", "maximize" or
        an Objective. metrics: what else trials may tell, beside the costs of `trimtab.measure`.
        algorithm: gp, grid, random or sobol. options of gp: acquisition ("log_ei", "ei", "pi" or "ucb"; with several
        objectives "log_ehvi"), deterministic (equal params always give equal values), n_initial (points before the
        first model), repeats (params that have a result may be proposed again); of grid: points ({name: how many
        values}). max_trials: the study's budget of trials.
        exist_ok: the same name and the same definition give the study that is there.
        constraints: limits on metrics, such as "size_kb <= 64", 'latency_ms["pi-zero"] <= 20' (of a device) or
        "accuracy >= 0.98 * baseline" (against trial 0, whose params are then `baseline`). space_constraints: limits
        on parameters, such as "width * depth <= 512". known_metrics: exact and there before the training, so that
        `Trial.preflight` can send them. late_metrics: those that may come after the tell, from `measure_jobs`.
        stopping and devices are passed on; a server that does not offer them yet says so (NotSupported).

        Raises InvalidSpace (also when nothing fulfils the space constraints), InvalidStudy (also for other tools'
        arguments, with what Trimtab calls them),
        StudyNameTaken, StudyConflict (its text shows the difference); TypeError for any other argument.
        """
        foreign.refuse("create_study", unknown)
        definition = {
            "name": name,
            "space": space_to_wire(space),
            "objectives": objectives_to_wire(objectives),
            "metrics": _texts("metrics", metrics),
            "algorithm": algorithm,
            "options": options,
            "max_trials": max_trials,
            "seed": seed,
            "metadata": metadata,
            "exist_ok": exist_ok,
            "constraints": _texts("constraints", constraints),
            "space_constraints": _texts("space_constraints", space_constraints),
            "known_metrics": _texts("known_metrics", known_metrics),
            "late_metrics": _texts("late_metrics", late_metrics),
            "stopping": stopping,
            "baseline": baseline,
            "devices": devices,
        }
        given = {field: value for field, value in definition.items() if value is not None}
        return Study(self, self.transport.send("POST", "/v1/studies", body=given, once=True))

    def study(self, name: str) -> Study:
        """The study of this name or public id. Raises StudyNotFound."""
        if not isinstance(name, str) or not name:
            raise StudyNotFound(f"expected the name of a study, got {name!r}")
        path = f"/v1/studies/{urllib.parse.quote(name, safe='', errors='replace')}"
        return Study(self, self.transport.send("GET", path))

    def studies(self, state: str | None = None) -> list[Study]:
        """Every study, newest first; of one state if given: active, paused, finished or archived."""
        params: dict[str, Any] = {"limit": 100} | ({} if state is None else {"state": state})
        found: list[Study] = []
        while True:
            page = self.transport.send("GET", "/v1/studies", params=params)
            found += [Study(self, record) for record in page["items"]]
            if page.get("next_cursor") is None:
                return found
            params["cursor"] = page["next_cursor"]

    def measure_jobs(
        self, metric: str, device: str = "", *, study: str | None = None, wait: float = 0.0
    ) -> Iterator[jobs.Job]:
        """The finished trials that still lack this metric (of this device), one leased job after the other.

        study: of this one only. wait: seconds without a job after which it ends; math.inf for never.
        A job that is not told in the end is handed out again, to this worker or another.
        Raises Invalid for what is no metric or device, StudyNotFound.
        """
        return jobs.leased(self, metric, device, study, wait)


def _texts(what: str, given: Sequence[str] | None) -> list[str] | None:
    """The list that must be one: a lone text would be taken letter by letter. Raises InvalidStudy."""
    if given is None:
        return None
    if isinstance(given, str) or not isinstance(given, Iterable):
        kind = "conditions" if what.endswith("constraints") else "names"
        raise InvalidStudy(f"{what}: expected a list of {kind}, got {given!r}")
    return list(given)
