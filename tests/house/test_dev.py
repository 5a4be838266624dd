"""dev.py renews the environment when it must, leaves it alone when it may, and explains what stands in the way."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dev
from requirements import venv
from tests.house.repo import ROOT, pins

PARTS = ("requirements/lock.txt", "requirements/slow.txt", "pyproject.toml", "clients/python/pyproject.toml")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in PARTS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    "name", ["dev.py", "requirements/venv.py", "requirements/frameworks.py", "requirements/peers.py"]
)
def test_an_old_python_can_read_the_file_to_its_end(name: str) -> None:
    ast.parse((ROOT / name).read_text(), feature_version=(3, 8))


def test_a_python_that_is_new_enough_is_not_refused() -> None:
    assert dev.too_old((3, 11), "/usr/bin/python3") == ""
    assert dev.too_old((4, 0), "/usr/bin/python3") == ""


def test_an_old_python_is_told_which_one_is_needed_and_which_one_came() -> None:
    refusal = dev.too_old((3, 9), "/usr/bin/python3")
    assert "needs Python 3.11" in refusal
    assert "this is Python 3.9 (/usr/bin/python3)" in refusal


def test_a_newer_python_on_the_path_is_taken_only_when_it_starts(tmp_path: Path) -> None:
    broken, sound = tmp_path / "broken", tmp_path / "sound"
    broken.write_text("#!/bin/sh\nexit 127\n")
    sound.write_text("#!/bin/sh\nexit 0\n")
    broken.chmod(0o755)
    sound.chmod(0o755)
    assert dev.newer_python({"python3.11": str(broken), "python3.13": str(sound)}.get) == str(sound)
    assert dev.newer_python({"python3.11": str(broken)}.get) is None


def test_the_environment_is_as_wanted_until_something_it_is_made_of_changes(project: Path) -> None:
    assert venv.wanted(root=project) == venv.wanted(root=project)


@pytest.mark.parametrize("name", [name for name in PARTS if "slow" not in name])
def test_a_changed_lock_or_pyproject_is_installed_over_the_environment(project: Path, name: str) -> None:
    before = venv.wanted(root=project)
    (project / name).write_text((project / name).read_text() + "# changed\n")
    after = venv.wanted(root=project)
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_another_python_or_folder_needs_a_new_environment(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    moved = tmp_path_factory.mktemp("moved") / "project"
    shutil.copytree(project, moved)
    here = venv.wanted(root=project)
    assert venv.wanted(root=project, python="3.99.0")[0] != here[0]
    assert venv.wanted(root=moved)[0] != here[0]
    assert venv.wanted(root=moved)[1] == here[1]


def test_the_slow_lock_matters_to_the_slow_tests_only(project: Path) -> None:
    fast, slow = venv.wanted(root=project), venv.wanted(root=project, slow=True)
    assert slow[:2] == fast
    (project / "requirements/slow.txt").write_text("")
    assert venv.wanted(root=project) == fast
    assert venv.wanted(root=project, slow=True)[2] != slow[2]


def test_a_folder_that_takes_no_file_is_named_with_the_way_out(tmp_path: Path) -> None:
    venv.check_writable(tmp_path)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(venv.Trouble, match=r"can't be written to \(Not a directory\)") as caught:
        venv.check_writable(file)
    assert str(file) in str(caught.value)
    assert "a folder of your own" in str(caught.value)


@pytest.mark.parametrize(
    "said",
    [
        "NewConnectionError: [Errno -3] Temporary failure in name resolution\nERROR: No matching distribution found",
        "error: Request failed after 3 retries\n  cause: dns error\n  cause: failed to lookup address information",
        "Err:1 bookworm InRelease\n  Could not resolve 'mirror'",
        "ReadTimeoutError: Read timed out.",
    ],
)
def test_without_a_network_the_sentence_says_so_and_shows_the_tail(said: str) -> None:
    explained = venv.explain("installing lock.txt", said)
    assert "installing lock.txt failed: the package index can't be reached" in explained
    assert said.splitlines()[-1].strip() in explained


def test_another_failure_is_shown_as_it_is() -> None:
    said = "\n".join(f"line {number}" for number in range(50)) + "\nERROR: THESE PACKAGES DO NOT MATCH THE HASHES"
    explained = venv.explain("installing lock.txt", said)
    assert "can't be reached" not in explained
    assert explained.endswith("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES")
    assert "line 10\n" not in explained


def test_a_tool_that_fails_is_reported_with_what_it_said() -> None:
    with pytest.raises(venv.Trouble, match="asking failed") as caught:
        venv.quietly("asking", sys.executable, "-c", "print('what it said'); raise SystemExit(3)")
    assert "what it said" in str(caught.value)


def test_what_points_python_or_pip_elsewhere_is_kept_from_the_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("KEPT", "yes")
    kept = venv.surroundings(ADDED="too")
    assert "PYTHONPATH" not in kept
    assert "PIP_USER" not in kept
    assert (kept["KEPT"], kept["ADDED"]) == ("yes", "too")


def test_files_past_the_limit_are_found_and_others_are_not(tmp_path: Path) -> None:
    (tmp_path / "service" / "room").mkdir(parents=True)
    (tmp_path / "service" / "room" / "long.py").write_text("x = 1\n" * (dev.LONG_FILE + 1))
    (tmp_path / "service" / "room" / "short.py").write_text("x = 1\n" * dev.LONG_FILE)
    assert dev.long_files(tmp_path) == [(Path("service/room/long.py"), dev.LONG_FILE + 1)]


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "dev.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def test_help_names_every_verb_and_an_unknown_verb_is_a_usage_error() -> None:
    shown = _run("help")
    assert shown.returncode == 0
    assert all(f"  {verb} " in shown.stdout for verb in dev.VERBS)
    unknown = _run("destroy")
    assert unknown.returncode == 2
    assert unknown.stdout == shown.stdout


def test_bench_names_its_parts_when_it_is_asked_for_another() -> None:
    refused = _run("bench", "lantency")
    assert refused.returncode == 1
    assert (
        refused.stderr
        == "dev.py: bench takes optimizer, pareto, constrained, preflight, batch, latency, got lantency\n"
    )


def test_the_peers_pins_bring_no_torch_of_their_own() -> None:
    names = {pin.split("==")[0] for pin in pins("peers.txt")}
    assert {"optuna", "greenlet", "botorch"} <= names
    assert not {name for name in names if name.startswith(("torch", "nvidia", "triton"))}


def test_the_peers_have_the_same_numpy_and_scipy_as_the_optimizer() -> None:
    shared = {pin for pin in pins("peers.txt") if pin.startswith(("numpy==", "scipy==", "scikit-learn=="))}
    assert shared
    assert shared <= pins("lock.txt")


def _make(*words: str) -> str:
    """What make prints, as in a terminal: also when these tests are run by make."""
    outside = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    done = subprocess.run(["make", *words], cwd=ROOT, env=outside, capture_output=True, text=True, check=True)
    return done.stdout


def test_make_offers_the_same_verbs_as_dev_py() -> None:
    shown = _make("help")
    offered = {line.split()[1] for line in shown.splitlines() if line.startswith("  make ")}
    assert offered == {"help", *dev.VERBS}


@pytest.mark.parametrize("verb", [*dev.VERBS])
def test_make_calls_dev_py_with_the_verb(verb: str) -> None:
    dry = _make("-n", verb, "SEED=7")
    assert dry.split()[:3] == ["python3", "dev.py", verb]
    assert ("--seed 7" in dry) == (verb == "demo")


def test_what_ci_runs_is_what_people_type() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
    assert lines == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "make test", "make check", "make test-slow"]
