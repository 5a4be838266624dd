"""`make demo`: what it prints and writes, held against checks that share no code with the product."""

from __future__ import annotations

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from itertools import pairwise
from math import log10
from pathlib import Path

import pytest

import trimtab

ROOT = Path(__file__).parents[2]
ALGORITHMS = ["gp", "random", "grid"]


def command(out: Path, *words: str) -> list[str]:
    return [sys.executable, str(ROOT / "examples" / "digits.py"), "--out", str(out), *words]


def demo(out: Path, *words: str) -> str:
    """Run the demo to its end; what it printed."""
    run = subprocess.run(command(out, *words), capture_output=True, text=True, timeout=280)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == ""
    return run.stdout


def found(out: Path) -> dict[str, dict]:
    return {run["algorithm"]: run for run in json.loads((out / "front.json").read_text())["runs"]}


def dominates(one: dict, other: dict) -> bool:
    """One is at least as accurate and as small, and better in one of both."""
    a, b = one["values"], other["values"]
    no_worse = a["accuracy"] >= b["accuracy"] and a["size_bytes"] <= b["size_bytes"]
    return no_worse and (a["accuracy"] > b["accuracy"] or a["size_bytes"] < b["size_bytes"])


def front(trials: list[dict]) -> set[int]:
    """Every pair compared: slow, and plain to see that it is right."""
    return {one["number"] for one in trials if not any(dominates(other, one) for other in trials)}


def area(trials: list[dict]) -> float:
    """Hypervolume from accuracy 0.5 and 10^6 bytes by cutting the plane into cells and asking who covers each."""
    points = [(t["values"]["accuracy"], log10(t["values"]["size_bytes"])) for t in trials]
    points = [(accuracy, size) for accuracy, size in points if accuracy > 0.5 and size < 6]
    rows, columns = sorted({0.5, *(a for a, _ in points)}), sorted({6.0, *(s for _, s in points)})
    return sum(
        (high - low) * (right - left)
        for low, high in pairwise(rows)
        for left, right in pairwise(columns)
        if any(accuracy >= high and size <= left for accuracy, size in points)
    )


def printed_front(text: str) -> list[int]:
    """The trial numbers of the table that the demo printed."""
    table = text.partition("The front of ")[2].partition("The same budget")[0]
    return [int(line.split()[0]) for line in table.splitlines() if re.match(r"\s*\d+\s+\d+\.\d%", line)]


def check_page(path: Path) -> None:
    """The file needs nothing from elsewhere: no address but the name of the SVG language, no script, no link."""
    text = path.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|//[a-z]|<script|<link|<img|@import|url\(|\b(src|href)=", text)


@pytest.fixture(scope="module")
def first_run(tmp_path_factory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("demo") / "out"
    return out, demo(out, "--trials", "6", "--seed", "3")


def test_the_printed_front_is_what_no_other_trial_dominates(first_run):
    out, text = first_run
    trials = found(out)["gp"]["trials"]
    assert [trial["number"] for trial in trials] == list(range(6))
    numbers = printed_front(text)
    assert set(numbers) == front(trials)
    assert len(numbers) == len(set(numbers))


def test_the_fronts_and_hypervolumes_of_all_algorithms_agree_with_an_independent_count(first_run):
    out, text = first_run
    runs = found(out)
    assert list(runs) == ALGORITHMS
    for run in runs.values():
        assert len(run["trials"]) == 6
        assert set(run["front"]) == front(run["trials"])
        assert run["hypervolume"] == pytest.approx(area(run["trials"]), abs=1e-9)
        assert f"{run['hypervolume']:.4f}" in text


def test_every_trial_carries_its_costs(first_run):
    out, _ = first_run
    for run in found(out).values():
        for trial in run["trials"]:
            values, params = trial["values"], trial["params"]
            sides = [64, *(params[f"width_{n}"] for n in range(1, params["layers"] + 1)), 10]
            macs = sum(a * b for a, b in pairwise(sides))
            assert values["macs"] == macs
            assert values["flops"] == 2 * macs
            assert values["parameters"] == macs + sum(sides[1:])
            assert values["size_bytes"] == 4 * values["parameters"]
            assert values["latency_ms"] > 0


def test_the_best_small_model_is_named(first_run):
    out, text = first_run
    small = [t for t in found(out)["gp"]["trials"] if t["values"]["size_bytes"] <= 16_000]
    best = max((t["values"]["accuracy"] for t in small), default=None)
    expected = "none" if best is None else f"{best:.1%}"
    assert f"Best accuracy under 16 kB: {expected}" in text


def test_the_figure_and_the_page_need_nothing_from_elsewhere(first_run):
    out, text = first_run
    assert str(out / "trimtab.db") in text
    assert f"serve --database sqlite:///{out / 'trimtab.db'}" in text
    root = ET.parse(out / "front.svg").getroot()
    marks = [mark for mark in root.iter() if mark.get("class") in {"best", "dot"}]
    assert len(marks) == 3 * 6 + len(ALGORITHMS)  # a mark per trial, and one per algorithm in the legend
    assert "prefers-color-scheme: dark" in (out / "front.svg").read_text()
    check_page(out / "front.svg")
    check_page(out / "front.html")
    page = (out / "front.html").read_text()
    assert page.count('<svg class="wide"') == page.count('<svg class="narrow"') == 2
    assert "One run of 6 trials is one draw" in page
    names = re.findall(r'<th scope="row"><svg class="mark".*?</svg>(\w+)</th>', page)
    assert names == ["Bayesian", "random", "grid"]


def test_a_second_run_says_that_it_deletes_the_first_and_works(first_run):
    out, _ = first_run
    text = demo(out, "--trials", "2", "--seed", "3")
    assert "deleted the study digits-gp-s3" in text
    assert [len(run["trials"]) for run in found(out).values()] == [2, 2, 2]
    assert set(printed_front(text)) == front(found(out)["gp"]["trials"])


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until(what, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.1)


def session_members(session: int) -> set[int]:
    """The processes of a session, from /proc."""
    members = set()
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (OSError, NotADirectoryError):
            continue
        if entry.name.isdigit() and int(fields[3]) == session and fields[0] != "Z":
            members.add(int(entry.name))
    return members


def test_ctrl_c_leaves_no_process_and_no_trial_in_work(tmp_path):
    process = subprocess.Popen(
        command(tmp_path, "--trials", "200"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a run in the background ignores Ctrl-C
    )
    lock = tmp_path / "trimtab.db.lock"
    try:
        wait_until(lambda: lock.exists() and lock.read_text().strip())
        server = json.loads(lock.read_text())["pid"]
        with trimtab.Client.local(tmp_path / "trimtab.db") as watching:
            wait_until(lambda: [s for s in watching.studies() if s.counts.get("complete", 0) >= 3])
        os.killpg(process.pid, signal.SIGINT)  # what a terminal does
        text, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, text
    assert "Traceback" not in text
    wait_until(lambda: not session_members(process.pid) and not alive(server))
    with trimtab.Client.local(tmp_path / "trimtab.db") as client:
        counts = client.study("digits-gp-s0").counts
    assert counts.get("running", 0) == 0
    assert counts["complete"] >= 3


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_over_five_seeds_the_gaussian_process_beats_random_and_grid(tmp_path):
    volumes: dict[str, list[float]] = {algorithm: [] for algorithm in ALGORITHMS}
    for seed in range(5):
        started = time.monotonic()
        demo(tmp_path / str(seed), "--seed", str(seed))
        print(f"seed {seed}: {time.monotonic() - started:.0f} s")
        for algorithm, run in found(tmp_path / str(seed)).items():
            assert len(run["trials"]) == 40
            volumes[algorithm].append(area(run["trials"]))
    print(volumes)
    gp, random, grid = (volumes[algorithm] for algorithm in ALGORITHMS)
    assert statistics.mean(gp) > statistics.mean(random)
    assert statistics.mean(gp) > statistics.mean(grid)
    assert sum(a > b for a, b in zip(gp, random, strict=True)) >= 3
