"""Makes .venv-torch, where the tests with torch, onnx and others run: .venv's packages, and these besides.

Standard library only, in the words of Python 3.8, like dev.py, which is the only one to use it.
"""

from __future__ import annotations

import hashlib
import shutil

from requirements.venv import (
    NO_PIP,
    ROOT,
    VENV,
    Trouble,
    base_python,
    install_lock,
    installer,
    one_at_a_time,
    quietly,
    say,
    wanted,
)

FOLDER = ROOT / ".venv-torch"
PYTHON = FOLDER / "bin" / "python"
MARK = FOLDER / "trimtab-made"
LOCK = ROOT / "requirements" / "frameworks.txt"
TORCH = "torch==2.13.0"
"""By pip, and outside the lock: whose build it is, and so its hash, is the machine's affair. Nearly a gigabyte."""


def prepare_frameworks() -> None:
    """A .venv-torch that is as it should be; .venv must be there. Raises Trouble."""
    goal = hashlib.sha256(" ".join([*wanted(), TORCH]).encode() + LOCK.read_bytes()).hexdigest()
    with one_at_a_time():
        if MARK.exists() and MARK.read_text() == goal:
            return
        shutil.rmtree(FOLDER, ignore_errors=True)
        say("making .venv-torch …")
        quietly("making .venv-torch", base_python(), "-m", "venv", "--without-pip", FOLDER)
        (packages,) = FOLDER.glob("lib/python*/site-packages")
        (shared,) = VENV.glob("lib/python*/site-packages")
        (packages / "trimtab-shared.pth").write_text(f"import site; site.addsitedir({str(shared)!r})\n")
        words = installer(PYTHON, with_uv=False)
        if words is None:
            raise Trouble(NO_PIP)
        say(f"installing {TORCH} (once; a minute or two) …")
        quietly(f"installing {TORCH}", *words, TORCH)
        install_lock(words, LOCK)
        MARK.write_text(goal)
