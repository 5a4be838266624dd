"""Objectives that can travel to another process."""

from __future__ import annotations

import numpy as np

import trimtab


def learning_rate(trial: trimtab.Trial) -> float:
    """The value is the parameter."""
    return float(trial["lr"])


def always_fails(trial: trimtab.Trial) -> float:
    """Fails."""
    raise ValueError(f"trial {trial.number} has a bad shape")


def has_no_pickle(trial: trimtab.Trial) -> float:
    """Fails in words like those of pickle."""
    raise TypeError("no pickle")


def hangs_until_interrupted(trial: trimtab.Trial) -> float:
    """Behaves as if Ctrl-C reached this process."""
    raise KeyboardInterrupt


def four_weights(trial: trimtab.Trial) -> tuple[float, dict[str, np.ndarray], None]:
    """A score, and a model of 16 bytes."""
    return float(trial["lr"]), {"w": np.ones(4, dtype=np.float32)}, None
