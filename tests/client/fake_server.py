"""A server small enough to read: keeps studies and trials in dicts and answers as the wire says.

It judges little; what it is told to answer with (`say`) comes before what it would answer.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

import trimtab
from tests.client.fake_devices import FakeDevices, Seen, answer, refusal

KEY = "tt_0a1b2c3d_" + "s" * 43 + "_abcdef"


@dataclass
class FakeServer(FakeDevices):
    """Studies by name, trials by number, every request that came. most_bytes: what preflight lets through."""

    studies: dict[str, dict[str, Any]] = field(default_factory=dict)
    trials: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    should_stop: bool = False
    page_size: int = 100
    most_bytes: float = 64_000
    _said: list[tuple[Callable[[Seen], bool], Callable[[], httpx2.Response]]] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def say(self, status: int, *, at: str = "", headers: dict[str, str] | None = None, **problem: Any) -> None:
        """Answer the next request whose path ends so with this problem instead."""
        response = httpx2.Response(
            status,
            headers={"content-type": "application/problem+json", **(headers or {})},
            content=json.dumps({"status": status, **problem}).encode(),
        )
        self._said.append((lambda seen: seen.path.endswith(at), lambda: response))

    def break_off(self, error: Exception, *, at: str = "") -> None:
        """Let the connection of the next request whose path ends so break."""

        def fail() -> httpx2.Response:
            raise error

        self._said.append((lambda seen: seen.path.endswith(at), fail))

    def stall(self, go_on: threading.Event, *, at: str = "") -> None:
        """Let the next request whose path ends so wait, and then find the server overloaded."""

        def wait() -> httpx2.Response:
            go_on.wait(timeout=20)
            return refusal(503, "overloaded", "too late")

        self._said.append((lambda seen: seen.path.endswith(at), wait))

    def client(self, **options: Any) -> trimtab.Client:
        """A client whose requests come here."""
        http = httpx2.Client(transport=httpx2.MockTransport(self.handle), base_url="http://fake")
        return trimtab.Client(http=http, key=KEY, **options)

    @contextlib.contextmanager
    def listening(self) -> Iterator[str]:
        """The address under which the server can be reached by HTTP, also from other processes."""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                content = self.rfile.read(int(self.headers.get("content-length") or 0))
                request = httpx2.Request(
                    self.command, f"http://fake{self.path}", headers=dict(self.headers), content=content
                )
                response = fake.handle(request)
                self.send_response(response.status_code)
                self.send_header("content-length", str(len(response.content)))
                self.end_headers()
                self.wfile.write(response.content)

            do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815  # the names that http.server looks for

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def calls(self, end: str) -> list[Seen]:
        """The requests so far whose path ends so."""
        with self._lock:
            return [seen for seen in self.seen if seen.path.endswith(end)]

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request."""
        parts = urlsplit(str(request.url))
        content = request.read()
        seen = Seen(
            request.method,
            parts.path,
            parse_qs(parts.query),
            {name.lower(): value for name, value in request.headers.items()},
            json.loads(content) if content else None,
        )
        with self._lock:
            self.seen.append(seen)
            place = next((place for place, (fits, _) in enumerate(self._said) if fits(seen)), None)
            if place is None:
                return self._route(seen)
            _, said = self._said.pop(place)
        return said()

    # --- What it answers by itself --------------------------------------------------------------------------------

    def _route(self, seen: Seen) -> httpx2.Response:
        match [seen.method, *seen.path.removeprefix("/v1/").split("/")]:
            case ["POST", "studies"]:
                return self._create(seen.body)
            case ["GET", "studies"]:
                return self._page([self._study(name) for name in reversed(self.studies)], seen.query)
            case [_, "devices", *name]:
                return self._on_devices(seen, *name)
            case ["POST", "measure", *rest]:
                return self._on_jobs(rest, seen.body)
            case [method, "studies", study, *rest]:
                name = next((n for n, s in self.studies.items() if study in (n, s["id"])), None)
                if name is None:
                    return refusal(404, "study_not_found", f"there is no study {study!r}")
                return self._on_study(method, name, rest, seen)
        return refusal(404, "not_found", seen.path)

    def _on_study(self, method: str, name: str, rest: list[str], seen: Seen) -> httpx2.Response:
        trials = self.trials[name]
        match [method, *rest]:
            case ["GET" | "PATCH"]:
                self.studies[name] |= seen.body or {}
                return answer(self._study(name))
            case ["DELETE"]:
                del self.studies[name], self.trials[name]
                return httpx2.Response(204)
            case ["POST", "ask"]:
                return self._ask(name, seen.body)
            case ["POST", "enqueue"]:
                return answer(self._add(name, "waiting", params=seen.body["params"]), 201)
            case ["POST", "trials"]:
                added = [self._add(name, **{**one, **_told(one.get("values", {}))}) for one in seen.body["trials"]]
                return answer({"trials": added}, 201)
            case ["GET", "trials"]:
                states = [state for text in seen.query.get("state", []) for state in text.split(",")]
                return self._page([t for t in trials if not states or t["state"] in states], seen.query)
            case ["GET", "best" | "pareto" as what]:
                done = [t for t in trials if t["state"] == "complete"]
                if what == "pareto":
                    return answer(
                        {"items": done, "hypervolume": None, "reference": None, "reference_inferred": False}
                    )
                if not done:
                    return refusal(404, "no_complete_trial", "no trial is complete yet")
                return answer(max(done, key=lambda t: next(iter(t["values"].values()))))
            case [_, "trials", number, *verb]:
                if int(number) >= len(trials):
                    return refusal(404, "trial_not_found", f"there is no trial {number}")
                return self._on_trial(trials[int(number)], *verb, body=seen.body)
        return self._on_costs(method, rest, seen)

    def _create(self, body: dict[str, Any]) -> httpx2.Response:
        if body["name"] in self.studies:
            return answer(self._study(body["name"]))
        number = len(self.studies)
        objectives = {
            metric: {"direction": spec, "log": False, "reference": None} if isinstance(spec, str) else spec
            for metric, spec in body["objectives"].items()
        }
        defaults = {"metrics": [], "options": {}, "max_trials": None, "metadata": {}}
        self.studies[body["name"]] = {
            **defaults,
            **body,
            "objectives": objectives,
            "id": f"st_{number}",
            "state": "active",
            "charged": 0,
            "created_at": "2026-11-24T10:00:00Z",
        }
        self.trials[body["name"]] = []
        return answer(self._study(body["name"]), 201)

    def _study(self, name: str) -> dict[str, Any]:
        counts: dict[str, int] = {}
        for trial in self.trials[name]:
            counts[trial["state"]] = counts.get(trial["state"], 0) + 1
        return {**self.studies[name], "counts": counts}

    def _ask(self, name: str, body: dict[str, Any]) -> httpx2.Response:
        study, handed = self.studies[name], []
        if study["state"] != "active":
            return refusal(409, "study_paused", f"study {name!r} is {study['state']}")
        for _ in range(body["count"]):
            waiting = next((t for t in self.trials[name] if t["state"] == "waiting"), None)
            if waiting is None:
                if study["max_trials"] is not None and study["charged"] >= study["max_trials"]:
                    break
                study["charged"] += 1
                waiting = self._add(name, "waiting", params={"lr": 0.5 / (1 + len(self.trials[name]))})
            waiting |= {"state": "running", "epoch": waiting["epoch"] + 1, "worker": body["worker"]}
            handed.append({**waiting, "lease_seconds": self.lease_seconds})
        if not handed:
            return refusal(409, "budget_reached", f"study {name!r} has handed out {study['charged']} trials")
        return answer({"trials": handed}, 201)

    def _add(self, name: str, state: str, **given: Any) -> dict[str, Any]:
        trial = {
            "study": name,
            "number": len(self.trials[name]),
            "state": state,
            "params": {},
            "values": {},
            "stderrs": {},
            "failure": None,
            "epoch": 0,
            "attempt": 0,
            "worker": "",
            "source": "random",
            "reason": "",
            "created_at": "2026-11-24T10:00:00Z",
            "started_at": None,
            "finished_at": None,
            **given,
        }
        self.trials[name].append(trial)
        return trial

    def _on_trial(self, trial: dict[str, Any], verb: str = "", *, body: Any) -> httpx2.Response:
        if not verb:
            return answer({"contracts": {}, "reports": [], **trial})
        if verb == "heartbeat":
            if trial["state"] != "running" or trial["epoch"] != body["epoch"]:
                return refusal(409, "lease_lost", f"trial {trial['number']} is {trial['state']}")
            return answer({"lease_seconds": self.lease_seconds})
        if verb == "report":
            return answer({"should_stop": self.should_stop})
        if verb == "preflight":
            trial |= _told(body["values"])
            ok = trial["values"].get("size_bytes", 0) <= self.most_bytes
            trial["state"] = trial["state"] if ok else "infeasible"
            trial["broken"] = [] if ok else [f"size_bytes <= {self.most_bytes:g}"]
            return answer({"ok": ok, "broken": trial["broken"], "trial": trial})
        if trial["state"] not in {"running", "waiting"}:
            return refusal(409, "trial_already_finished", f"trial {trial['number']} is {trial['state']}")
        match verb:
            case "tell":
                trial |= {**_told(body["values"]), "state": "complete", "artifact": body.get("artifact", "")}
                trial["variants"] = {name: _told(own)["values"] for name, own in body.get("variants", {}).items()}
            case "fail":
                trial["failure"] = {"kind": body["kind"], "message": body["message"]}
                trial["state"] = "waiting" if body["kind"] == "infrastructure" else "failed"
            case "release":
                trial["state"] = "waiting"
        return answer(trial)

    def _page(self, items: list[dict[str, Any]], query: dict[str, list[str]]) -> httpx2.Response:
        first = int(query.get("cursor", ["0"])[0])
        size = min(self.page_size, int(query["limit"][0]))
        after = first + size
        return answer({"items": items[first:after], "next_cursor": str(after) if after < len(items) else None})


def _told(values: dict[str, Any]) -> dict[str, Any]:
    pairs = {metric: one if isinstance(one, dict) else {"value": one} for metric, one in values.items()}
    return {
        "values": {metric: pair["value"] for metric, pair in pairs.items()},
        "stderrs": {metric: pair["stderr"] for metric, pair in pairs.items() if "stderr" in pair},
    }
