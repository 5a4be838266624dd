"""The fake server's devices, measure jobs and cost probes, and what requests and answers are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx2


@dataclass
class Seen:
    """A request that came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any


@dataclass
class FakeDevices:
    """Devices by name, measure jobs in every state, probes as they came. lease_seconds: what an ask promises."""

    lease_seconds: float = 60.0
    devices: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    probes: list[dict[str, Any]] = field(default_factory=list)

    def _on_devices(self, seen: Seen, name: str | None = None) -> httpx2.Response:
        match seen.method:
            case "GET" if name is None:
                return answer({"items": list(self.devices.values())})
            case "POST":
                made = {key: seen.body[key] for key in ("name", "limits")}
                if self.devices.get(made["name"], made) != made and not seen.body["replace"]:
                    return refusal(409, "device_conflict", f"device {made['name']!r} has other limits")
                self.devices[made["name"]] = made
                return answer(made, 201)
        if name not in self.devices:
            return refusal(404, "device_not_found", f"there is no device {name!r}")
        return answer(self.devices[name]) if seen.method == "GET" else answer(self.devices.pop(name))

    def _on_jobs(self, rest: list[str], body: dict[str, Any]) -> httpx2.Response:
        if rest == ["ask"]:
            fits = [one for one in self.jobs if one["state"] == "waiting" and one["metric"] == body["metric"]]
            for one in fits[: body["count"]]:
                one |= {"state": "running", "epoch": one["epoch"] + 1}
            return answer({"jobs": [{**one, "lease_seconds": self.lease_seconds} for one in fits[: body["count"]]]})
        number, verb = rest
        job = next((one for one in self.jobs if str(one["id"]) == number), None)
        if job is None:
            return refusal(404, "job_not_found", f"there is no measure job {number}")
        if job["state"] != "running" or job["epoch"] != body["epoch"]:
            return refusal(409, "lease_lost", f"measure job {number} is {job['state']}")
        if verb == "heartbeat":
            return answer({"lease_seconds": self.lease_seconds})
        job["state"] = {"tell": "done", "release": "waiting", "fail": "failed"}[verb]
        return answer(job)

    def _on_costs(self, method: str, rest: list[str], seen: Seen) -> httpx2.Response:
        match [method, *rest]:
            case ["POST", "probes", "ask"]:
                first = len(self.probes)
                return answer({"points": [{"lr": 1 / (2 + first + place)} for place in range(seen.body["count"])]})
            case ["POST", "probes"]:
                self.probes += seen.body["probes"]
                return answer({"added": len(seen.body["probes"]), "total": len(self.probes)}, 201)
            case ["POST", "workers", "resume"]:
                return answer({"name": seen.body["worker"]})
        return refusal(404, "not_found", seen.path)


def answer(body: Any, status: int = 200) -> httpx2.Response:
    return httpx2.Response(status, json=body)


def refusal(status: int, code: str, detail: str) -> httpx2.Response:
    return httpx2.Response(status, json={"status": status, "code": code, "detail": detail})
