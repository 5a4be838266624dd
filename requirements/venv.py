"""Makes .venv from the locks beside this file: by uv, by venv and pip, or with what Debian must first install.

Standard library only, in the words of Python 3.8, like dev.py, which is the only one to use it.
"""

from __future__ import annotations

import collections
import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
MARK = VENV / "trimtab-made"
"""Written last, so that a .venv without it was left half-made. Holds what `wanted` says, a word per line."""
LOCK = ROOT / "requirements" / "lock.txt"
SLOW_LOCK = ROOT / "requirements" / "slow.txt"

OFFLINE = (
    "name resolution",
    "name or service not known",
    "nodename nor servname",
    "network is unreachable",
    "no route to host",
    "connection refused",
    "failed to establish a new connection",
    "could not resolve",
    "connecttimeout",
    "timed out",
    "dns error",
    "error sending request",
    "proxyerror",
)
"""What pip, uv and apt-get say, in lower case, when nothing answers at the other end."""

NO_PIP = """this Python can't make an environment: it has neither ensurepip nor pip. Install them, for example with
    sudo apt-get install python3-venv        (Debian, Ubuntu)
or put uv on the PATH; then run this again."""


class Trouble(Exception):
    """What went wrong, in words for the person at the keyboard."""


def say(sentence: str) -> None:
    """Tell what is being done, at once."""
    print(f"dev.py: {sentence}", flush=True)


def surroundings(**more: str) -> dict[str, str]:
    """The variables for a tool: ours, without those that point Python, pip or uv at another environment.

    Nor the one that keeps Python from caching what it compiled: every server started in a test would compile anew.
    """
    stray = {
        *("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER"),
        "PYTHONDONTWRITEBYTECODE",
    }
    return {**{name: value for name, value in os.environ.items() if name not in stray}, **more}


def explain(what: str, output: str) -> str:
    """Why a tool failed, and the tail of what it printed."""
    tail = "\n".join(f"    {line}" for line in output.splitlines()[-20:])
    if any(sign in output.lower() for sign in OFFLINE):
        return (
            f"{what} failed: the package index can't be reached. The network is needed once, to fill .venv.\n"
            f"Check the connection (or the proxy, HTTPS_PROXY) and run this again. The tool said:\n{tail}"
        )
    return f"{what} failed. The tool said:\n{tail}"


def quietly(what: str, *command: object) -> None:
    """Run a tool, showing a person only how far it is. Raises Trouble with the tail of its output."""
    tail: collections.deque[str] = collections.deque(maxlen=200)
    count = 0
    with subprocess.Popen(
        [str(word) for word in command],
        cwd=ROOT,
        env=surroundings(DEBIAN_FRONTEND="noninteractive", PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            tail.append(line)
            if line.startswith("Collecting ") and sys.stdout.isatty():
                count += 1
                print(f"\r  {count:3d}  {line.split()[1]:<60.60}", end="", flush=True)
    if count:
        print(f"\r{'':70}\r", end="", flush=True)
    if process.returncode:
        raise Trouble(explain(what, "".join(tail)))


def answers(*command: object) -> bool:
    """Whether a tool is there and ends well."""
    if not shutil.which(str(command[0])):
        return False
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, env=surroundings(), check=False).returncode == 0


def as_root_with_apt() -> bool:
    """Whether a missing Debian package can be installed here without asking."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(package: str) -> None:
    """Install a package of Debian's or Ubuntu's. Raises Trouble."""
    say(f"installing {package} with apt-get …")
    quietly("apt-get update", "apt-get", "update")
    quietly(f"apt-get install {package}", "apt-get", "install", "--yes", "--no-install-recommends", package)


def base_python() -> str:
    """The interpreter to make .venv from, also when this file is run by the one inside .venv."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def wanted(*, slow: bool = False, root: Path = ROOT, python: str = sys.version) -> list[str]:
    """What MARK must begin with: the Python and folder, then the lock and both pyprojects, then the slow lock.

    A change of the first makes .venv anew (its scripts name both); a change of the others installs over it.
    """
    fast = ["requirements/lock.txt", "pyproject.toml", "clients/python/pyproject.toml"]
    words = [_hash(python.encode(), platform.machine().encode(), str(root).encode())]
    words.append(_hash(*((root / name).read_bytes() for name in fast)))
    if slow:
        words.append(_hash((root / "requirements/slow.txt").read_bytes()))
    return words


def _hash(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def check_writable(folder: Path) -> None:
    """Raises Trouble when no file can be made in the folder."""
    try:
        with tempfile.TemporaryFile(dir=str(folder)):
            pass
    except OSError as error:
        raise Trouble(
            f"{folder} can't be written to ({error.strerror}).\n"
            "Clone the project into a folder of your own and run this there."
        ) from error


def installer(python: Path = PYTHON, *, with_uv: bool = True) -> list[str] | None:
    """The words that install beside a Python: uv's, those of its own pip or of one outside; None without any."""
    if with_uv and shutil.which("uv"):
        return ["uv", "pip", "install", "--python", str(python)]
    quiet = ["install", "--progress-bar", "off"]
    if answers(python, "-m", "pip", "--version"):
        return [str(python), "-m", "pip", *quiet]
    for pip in ([base_python(), "-m", "pip"], ["pip3"], ["pip"]):
        if answers(*pip, "--python", python, "--version"):  # pip learned --python in 22.3
            return [*pip, "--python", str(python), *quiet]
    return None


def make_venv() -> list[str]:
    """A fresh .venv, by the first way that works; gives the words that install into it. Raises Trouble."""
    say(f"making .venv with Python {platform.python_version()} …")
    by_uv = ["uv", "venv", "--python", base_python(), str(VENV)]
    by_venv = [base_python(), "-m", "venv", str(VENV)]
    bare = [*by_venv, "--without-pip"]
    try:
        return _first_that_works([by_uv, by_venv, bare] if shutil.which("uv") else [by_venv, bare])
    except Trouble as trouble:
        if answers(base_python(), "-m", "ensurepip", "--version"):
            raise
        if not as_root_with_apt():
            raise Trouble(f"{NO_PIP}\n{trouble}") from trouble
    apt_install("python3-venv")
    return _first_that_works([by_venv])


def _first_that_works(ways: list[list[str]]) -> list[str]:
    last = Trouble(NO_PIP)
    for way in ways:
        remove_venv()
        try:
            quietly("making .venv", *way)
        except Trouble as trouble:
            last = trouble  # the next way may work
            continue
        found = installer()
        if found is not None:
            return found
    remove_venv()
    raise last


def remove_venv() -> None:
    """Delete .venv, or the link to one."""
    if VENV.is_symlink():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Of two runs in one clone the second waits, on a lock of the folder itself."""
    handle = os.open(ROOT, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks: people take turns
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def prepare(*, slow: bool = False) -> None:
    """A .venv that holds what the locks say. Costs a few file reads when it is there. Raises Trouble."""
    goal = wanted(slow=slow)
    if _made()[: len(goal)] == goal:
        return
    check_writable(ROOT)
    with one_at_a_time():
        made = _made()  # again: another run may have made it meanwhile
        if made[: len(goal)] == goal:
            return
        words = installer() if made[:1] == goal[:1] and PYTHON.exists() else None
        words = words or make_venv()
        MARK.unlink(missing_ok=True)
        if made[:2] != goal[:2]:
            install_lock(words, LOCK)
            say("installing trimtab-service and trimtab from this folder …")
            parts = ["--no-deps", "--no-build-isolation", "-e", ".", "-e", "clients/python"]
            quietly("installing this folder", *words, *parts)
        if slow:
            install_lock(words, SLOW_LOCK)
        MARK.write_text("\n".join(goal))


def _made() -> list[str]:
    return MARK.read_text().split() if MARK.exists() else []


def install_lock(words: list[str], lock: Path) -> None:
    """Install what a lock pins, each file checked against its hash. Raises Trouble.

    A lock is complete, so nothing else is looked up: not another torch, nor a package newer than the pinned one, for
    which there would be no hash.
    """
    pins = sum(1 for line in lock.read_text().splitlines() if line[:1].isalnum())
    say(f"installing from {lock.relative_to(ROOT)}, {pins} packages (once; a minute or two) …")
    quietly(f"installing {lock.name}", *words, "--no-deps", "--require-hashes", "-r", lock)
