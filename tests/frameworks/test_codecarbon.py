"""The real codecarbon as a meter: offline, quiet, without files, and labelled by what it looked at."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trimtab.costs.grid import grid

PROGRAM = """
import json, socket, threading, time

def refuse(*_):
    raise OSError("no network in this test")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from trimtab.costs.energy import EnergyTracker, Site
from trimtab.costs.meters import Codecarbon

before = threading.active_count()
trackers = [EnergyTracker(Site(country="DEU", pue=1.5), Codecarbon()) for _ in range(2)]
with trackers[0]:
    with trackers[1]:
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            sum(range(10_000))
print(json.dumps({
    "seconds": [one.seconds for one in trackers],
    "how": trackers[1].how,
    "unknown": dict(trackers[1].unknown),
    "metrics": [one.as_metrics() for one in trackers],
}))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def tracked(home: Path) -> dict[str, Any]:
    """What two trackers, one in the other, said in a process of their own that has nothing but this folder."""
    surroundings = {
        name: value for name, value in os.environ.items() if not name.lower().startswith(("codecarbon", "xdg_"))
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-B", "-c", PROGRAM],
        cwd=home,
        env=surroundings | {"HOME": str(home), "TMPDIR": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_codecarbon_gives_energy_in_the_range_of_a_machine(tracked: dict[str, Any]) -> None:
    for seconds, metrics in zip(tracked["seconds"], tracked["metrics"], strict=True):
        watts = metrics["training_energy_j"]["value"] / 1.5 / seconds
        assert 1 < watts < 5_000
    assert tracked["unknown"] == {}


def test_co2_is_that_energy_on_the_grid_of_the_site(tracked: dict[str, Any]) -> None:
    for metrics in tracked["metrics"]:
        kwh = metrics["training_energy_j"]["value"] / 3.6e6
        assert metrics["training_co2_g"]["value"] == pytest.approx(kwh * 380.95)


def test_what_codecarbon_models_is_called_estimated(tracked: dict[str, Any]) -> None:
    contract = tracked["metrics"][0]["training_energy_j"]["contract"]

    assert "RAM()" in contract["hardware"]  # a model of so many watts per module, on any machine
    assert tracked["how"] == contract["how"] == "estimated"
    assert contract["counter"] == "codecarbon"
    assert contract["version"].startswith("3.")
    assert contract["attributed"] == "whole machine, not this process alone"
    assert (contract["pue"], contract["overlapping"]) == (1.5, 1)


def test_codecarbon_writes_no_files(tracked: dict[str, Any], home: Path) -> None:
    assert list(home.rglob("*")) == []


def test_the_table_of_grids_is_the_one_that_codecarbon_ships() -> None:
    found = importlib.util.find_spec("codecarbon")
    assert found is not None
    assert found.origin is not None
    path = Path(found.origin).parent / "data" / "private_infra" / "global_energy_mix.json"
    shipped = json.loads(path.read_text())

    assert len(shipped) == 213
    for country, row in shipped.items():
        assert (grid(country).intensity, grid(country).year) == (row["carbon_intensity"], row["year"])
