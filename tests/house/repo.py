"""What the house tests read of the repo: its root, its files, its configuration, and wheels built from it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SERVICE = ROOT / "service" / "trimtab_service"
CLIENT = ROOT / "clients" / "python" / "trimtab"


def kept_files() -> list[Path]:
    """Every file that git keeps or would keep, relative to the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    return [Path(name) for name in names if name and (ROOT / name).is_file()]


def text_of(path: Path) -> str:
    """A kept file as text; empty when it is a picture or the like."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def configuration() -> dict[str, Any]:
    """The root's pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(lock: str) -> set[str]:
    """name==version of every package that a lock pins."""
    lines = (ROOT / "requirements" / lock).read_text().splitlines()
    return {line.split(" ")[0] for line in lines if line[:1].isalnum()}


def build_wheel(project: Path, into: Path) -> Path:
    """The wheel of a project, built without the network by the hatchling that is installed."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    (wheel,) = into.glob("*.whl")
    return wheel
