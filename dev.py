#!/usr/bin/env python3
"""Runs the project's verbs in .venv, which it makes when needed. `python3 dev.py help` lists them.

Standard library only, in the words of Python 3.8, so that a Python too old for the project reads this to the end and
says so, instead of stopping at a syntax error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from requirements import frameworks, peers
from requirements.venv import PYTHON, ROOT, VENV, Trouble, apt_install, as_root_with_apt, prepare, say, surroundings

if TYPE_CHECKING:
    from collections.abc import Callable

OLDEST = (3, 11)
LONG_FILE = 300
"""Lines past which `check` warns of a file."""

SLOW = ("-n", "1", "-m", "slow")
"""How pytest runs the slow tests: one after the other, since they start servers and browsers of their own."""

BENCHMARKS = ("optimizer", "pareto", "constrained", "preflight", "batch", "latency")
"""The parts of `bench`, each a module in benchmarks/."""

KEYS = ROOT / ".trimtab" / "config"
"""Where `demo` keeps its server's key, as XDG_CONFIG_HOME, so that a deleted clone leaves nothing behind at home.
`serve` writes the user's own credentials file, since that is where clients in other terminals look."""


def too_old(version: tuple[int, int], found: str) -> str:
    """What to say to a Python of this version, found at this path; empty when it is new enough."""
    if version >= OLDEST:
        return ""
    needed, got = ".".join(map(str, OLDEST)), ".".join(map(str, version))
    return (
        f"Trimtab needs Python {needed} or newer, and this is Python {got} ({found}).\n"
        f"Install a newer one and call it by name: python{needed} dev.py demo"
    )


def newer_python(which: Callable[[str], str | None] = shutil.which) -> str | None:
    """A Python on the PATH that is new enough and really starts."""
    for minor in range(11, 16):
        path = which(f"python3.{minor}")
        if path and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
            return path
    return None


def become(*command: object, **more: str) -> int:
    """Turn into the tool, so that Ctrl-C and its exit code are its own and no process is left between."""
    words = [str(word) for word in command]
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execve(words[0], words, surroundings(**more))


def run(*command: object, **more: str) -> int:
    """Run a tool to its end; its exit code."""
    words = [str(word) for word in command]
    sys.stdout.flush()
    return subprocess.run(words, cwd=ROOT, env=surroundings(**more), check=False).returncode


def tool(name: str) -> Path:
    """A command that is installed in .venv."""
    return VENV / "bin" / name


def demo(rest: list[str]) -> int:
    """Tune a small network on scikit-learn's digits, on a server of its own; --seed K draws other trials."""
    prepare()
    return become(PYTHON, "examples/digits.py", *rest, XDG_CONFIG_HOME=str(KEYS))


def serve(rest: list[str]) -> int:
    """Start the server on the demo's database, or on trimtab.db when there was no demo."""
    prepare()
    after_demo = ROOT / "demo-out" / "trimtab.db"
    database = after_demo if after_demo.exists() else ROOT / "trimtab.db"
    if "TRIMTAB_DATABASE" not in os.environ and "--database" not in rest:
        rest = ["--database", f"sqlite:///{database}", *rest]
    return become(tool("trimtab-service"), "serve", *rest)


def test(rest: list[str]) -> int:
    """Run the tests, but not the slow ones, with coverage."""
    prepare()
    spread = ["-n", "2", "--dist", "worksteal", "-m", "not slow"]
    return become(tool("pytest"), *spread, "--cov", "--cov-report=term", *rest)


def test_slow(rest: list[str]) -> int:
    """Run the slow tests: crashes, the wheels in empty environments, the pages in a browser, torch and others."""
    prepare(slow=True)
    named = [word for word in rest if word.startswith("tests/")]
    with_torch = [word for word in named if word.startswith("tests/frameworks")]
    failed = 0
    if not named or len(with_torch) < len(named):
        failed = _slow_without_torch([word for word in rest if word not in with_torch])
    if not named or with_torch:
        frameworks.prepare_frameworks()
        others = [word for word in rest if word not in named]
        failed = (
            run(frameworks.PYTHON, "-m", "pytest", *SLOW, *(with_torch or ["tests/frameworks"]), *others) or failed
        )
    return failed


def _slow_without_torch(rest: list[str]) -> int:
    if shutil.which("chromium") is None:
        if as_root_with_apt():
            apt_install("chromium")
        elif os.environ.get("CI") == "true":
            raise Trouble("CI=true, and chromium is missing: sudo apt-get install chromium")
        else:
            say("chromium is missing, so the browser tests are left out; to have them: sudo apt-get install chromium")
            rest = ["--ignore=tests/browser", *rest]
    return run(tool("pytest"), *SLOW, *rest)


def soak(rest: list[str]) -> int:
    """Run the crash tests with many more kills."""
    prepare()
    return become(tool("pytest"), "-n", "0", "-m", "slow", "tests/crash", *rest, TRIMTAB_SOAK="1")


def check(rest: list[str]) -> int:
    """Check format, lint, types and import contracts: all of them, even when the first fails."""
    if rest:
        raise Trouble(f"check takes no arguments, got {rest}; one of its tools alone: .venv/bin/ruff check {rest[0]}")
    prepare()
    commands = (
        ("ruff", "format", "--check", "."),
        ("ruff", "check", "."),
        ("mypy", "--strict"),
        ("lint-imports",),
    )
    failed = []
    for name, *words in commands:
        say(" ".join([name, *words]))
        command = [str(tool(name)), *words]
        if subprocess.run(command, cwd=ROOT, env=surroundings(), check=False).returncode:
            failed.append(name)
    for path, lines in long_files(ROOT):
        say(f"warning: {path} has {lines} lines; past {LONG_FILE} it is likely two rooms in one")
    say(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def long_files(root: Path) -> list[tuple[Path, int]]:
    """The Python files of more than LONG_FILE lines, and how many."""
    rooms = ("*.py", "service/**/*.py", "clients/**/*.py", "migrations/**/*.py", "tests/**/*.py", "*/*.py")
    paths = sorted({path for room in rooms for path in root.glob(room) if ".venv" not in path.parts})
    sizes = [(path.relative_to(root), len(path.read_bytes().splitlines())) for path in paths]
    return [(path, lines) for path, lines in sizes if lines > LONG_FILE]


def bench(rest: list[str]) -> int:
    """Measure the optimizer in ten minutes and write docs/benchmarks.md; one part alone: bench latency."""
    unknown = [word for word in rest if word not in BENCHMARKS]
    if unknown:
        raise Trouble(f"bench takes {', '.join(BENCHMARKS)}, got {' '.join(unknown)}")
    prepare()
    failed = []
    for part in rest or BENCHMARKS:
        say(f"python -m benchmarks.{part} --quick")
        if run(PYTHON, "-m", f"benchmarks.{part}", "--quick", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"):
            failed.append(part)
    if run(PYTHON, "-m", "benchmarks.report"):
        failed.append("report")
    if failed:
        say(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def bench_peers(rest: list[str]) -> int:
    """Make .venv-peers, with the optimizers that bench compares ours with: Optuna, BoTorch, and torch for them."""
    if rest:
        raise Trouble(f"bench-peers takes no arguments, got {' '.join(rest)}")
    prepare()
    peers.prepare_peers()
    return 0


VERBS = {
    "demo": demo,
    "test": test,
    "check": check,
    "serve": serve,
    "bench": bench,
    "bench-peers": bench_peers,
    "test-slow": test_slow,
    "soak": soak,
}


def main(words: list[str]) -> int:
    """Run one verb; what follows it goes to the tool behind it."""
    refusal = too_old(sys.version_info[:2], sys.executable)
    if refusal:
        other = newer_python()
        if other is None:
            print(refusal, file=sys.stderr)
            return 1
        os.execv(other, [other, __file__, *words])
    if not words or words[0] not in VERBS:
        print("python3 dev.py VERB [what the tool behind it takes]\n")
        for name, verb in VERBS.items():
            print(f"  {name:11} {verb.__doc__}")
        return 0 if words in ([], ["help"], ["--help"], ["-h"]) else 2
    try:
        return VERBS[words[0]](words[1:])
    except Trouble as trouble:
        print(f"dev.py: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
