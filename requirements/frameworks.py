"""Makes .venv-torch, where the tests with torch, onnx and others run: .venv's packages, and these besides.

Standard library only, in the words of Python 3.8, like dev.py, which is the only one to use it.
"""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = ROOT / ".venv-torch"
PYTHON = FOLDER / "bin" / "python"
LOCK = ROOT / "requirements" / "frameworks.txt"
TORCH = "torch==2.13.0"
"""By pip, and outside the locks: whose build it is, and so its hash, is the machine's affair. Nearly a gigabyte."""


def prepare_frameworks() -> None:
    """A .venv-torch that is as it should be; .venv must be there. Raises Trouble."""
    prepare_with_torch(FOLDER, LOCK, shared=True)


def prepare_with_torch(folder: Path, lock: Path, *, shared: bool) -> None:
    """An environment of torch, what torch needs, and what a lock pins. Raises Trouble.

    shared: whether it sees the packages of .venv too.
    """
    made = wanted() if shared else wanted()[:1]
    goal = hashlib.sha256(" ".join([*made, TORCH]).encode() + lock.read_bytes()).hexdigest()
    mark, python = folder / "trimtab-made", folder / "bin" / "python"
    with one_at_a_time():
        if mark.exists() and mark.read_text() == goal:
            return
        shutil.rmtree(folder, ignore_errors=True)
        say(f"making {folder.name} …")
        quietly(f"making {folder.name}", base_python(), "-m", "venv", "--without-pip", folder)
        if shared:
            (packages,) = folder.glob("lib/python*/site-packages")
            (seen,) = VENV.glob("lib/python*/site-packages")
            (packages / "trimtab-shared.pth").write_text(f"import site; site.addsitedir({str(seen)!r})\n")
        words = installer(python, with_uv=False)
        if words is None:
            raise Trouble(NO_PIP)
        say(f"installing {TORCH} (once; a minute or two) …")
        quietly(f"installing {TORCH}", *words, TORCH)
        install_lock(words, lock)
        mark.write_text(goal)
