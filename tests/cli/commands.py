"""Runs `trimtab-service` as people do."""

from __future__ import annotations

import os
import subprocess

from tests.servers import COMMAND, PATIENCE


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command, until it ends."""
    return subprocess.run(
        [*COMMAND, *words], env={**os.environ, **environment}, capture_output=True, text=True, timeout=PATIENCE
    )


def says_in_one_sentence(refused: subprocess.CompletedProcess[str], words: str) -> bool:
    """Whether a command was refused with one line for people that holds the words; a log may come before it."""
    lines = refused.stderr.splitlines()
    said = [line for line in lines if line.startswith("trimtab-service: ")]
    return (
        refused.returncode in (1, 2)
        and len(said) == 1
        and said == lines[-1:]
        and words in said[0]
        and "Traceback" not in refused.stderr
    )
