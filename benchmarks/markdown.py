"""Tables and figures as the page of benchmarks shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NAMES = {
    "gp": "Trimtab",
    "random": "random",
    "nsga2": "NSGA-II (pymoo)",
    "sobol": "Sobol",
    "grid": "grid",
    "optuna-gp": "Optuna GPSampler",
    "optuna-tpe": "Optuna TPE",
    "optuna-tpe-mv": "Optuna TPE, multivariate",
    "optuna-nsga2": "Optuna NSGA-II",
    "ax": "Ax",
    "hebo": "HEBO",
    "hyperopt": "Hyperopt",
    "nevergrad": "Nevergrad",
    "openbox": "OpenBox",
    "skopt": "scikit-optimize",
    "smac-bb": "SMAC3 BlackBox",
    "smac-hpo": "SMAC3 HPO",
    "vizier": "Vizier",
    "trimtab": "Trimtab",
    "scikit-learn": "scikit-learn GP",
    "optuna": "GPSampler with greenlet",
    "optuna-alone": "Optuna GPSampler",
    "botorch": "BoTorch",
}
"""An optimizer's name in records -> on the page."""


def name(word: str) -> str:
    """An optimizer's name on the page."""
    return NAMES.get(word, word)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> str:
    """A table whose first columns, as many as `words`, are words and the others figures, which stand to the right."""
    marks = ["---" if place < words else "---:" for place in range(len(heads))]
    return "\n".join("|" + "".join(f" {one} |" if one else " |" for one in cells) for cells in [heads, marks, *rows])


def cell(text: str) -> str:
    """Text that came from a file, fit for a table: on one line, and without a bar of its own."""
    return " ".join(text.replace("|", "\\|").split())


def figure(value: float | None) -> str:
    """At least three digits, with commas between thousands; empty when there is none."""
    if value is None:
        return ""
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value == 0 or abs(value) >= 1e-4 else f"{value:.1e}"


def score(value: float | None) -> str:
    """A score, of which 1 is the optimum; empty when there is none."""
    return "" if value is None else f"{value:.3f}"


def lead(difference: Mapping[str, float] | None) -> str:
    """A difference in points with its interval; empty when there is none."""
    if not difference:
        return ""
    return "{:+.1f} [{:+.1f}, {:+.1f}]".format(*(100 * difference[key] for key in ("middle", "low", "high")))


def on(machine: Mapping[str, Any] | None) -> str:
    """What a run was made on, in words."""
    if not machine:
        return "a machine that was not recorded"
    versions = f"Python {machine['python']}, numpy {machine['numpy']}, scipy {machine['scipy']}"
    return f"{machine['cores']} cores ({machine['processor']}), {versions}"
