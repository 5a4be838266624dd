"""What the demo found, told: tables for the terminal, a figure, a page, and JSON for checks made elsewhere."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import front_page
from digits_mlp import OBJECTIVES
from plot_front import Point, Run, front_svg, size
from rich.console import Console
from rich.table import Table

import trimtab

OUT = Path(__file__).resolve().parents[1] / "demo-out"
LIMIT = 16_000
"""Bytes: what a small microcontroller has to spare."""
NAMES = {"gp": "Bayesian", "random": "random", "grid": "grid"}
HYPERVOLUME = "Hypervolume: the area between a front and 50% accuracy at 1 MB, with size in powers of ten."
LATENCY = "Latency: the median of one prediction at batch 1, measured while the other worker was training."


@dataclass(frozen=True)
class Found:
    """One study when it has ended. front: its non-dominated trials and hypervolume, as the server says."""

    algorithm: str
    study: trimtab.Study
    trials: list[trimtab.Trial]
    front: list[trimtab.Trial]
    hypervolume: float


def show(console: Console, found: Sequence[Found], out: Path, *, seed: int, seconds: float) -> None:
    """Print the front and the comparison, write the files, and say where to look."""
    gp = found[0]
    rows = front_rows(gp.front)
    write_files(found, rows, out, seed)
    best = best_small(gp.trials)
    answer = f"[bold]{best.values['accuracy']:.1%}[/] in {size(best.values['size_bytes'])}" if best else "none"
    trained = f"{sum(len(one.trials) for one in found)} models trained in {seconds:.0f} s"
    database = out / "trimtab.db"
    serve = "make serve" if out == OUT else f"trimtab-service serve --database sqlite:///{database}"
    for part in (
        "",
        f"[bold]The front of {gp.study.name}[/]: no other of its models beats these in accuracy and size",
        as_table(rows),
        "",
        "[bold]The same budget, three ways[/]",
        as_table(comparison_rows(found)),
        f"[dim]{HYPERVOLUME}[/]",
        "",
        f"Best accuracy under {size(LIMIT)}: {answer}   ({trained})",
        "",
        f"  figure     {out / 'front.html'}, and front.svg, front.json",
        f"  database   {database}",
        f"  look on    {serve}",
    ):
        console.print(part, highlight=False, soft_wrap=isinstance(part, str))


def best_small(trials: Sequence[trimtab.Trial]) -> trimtab.Trial | None:
    small = [trial for trial in trials if trial.values["size_bytes"] <= LIMIT]
    return max(small, key=lambda trial: (trial.values["accuracy"], -trial.values["size_bytes"]), default=None)


def front_rows(front: Sequence[trimtab.Trial]) -> list[list[str]]:
    """The front as text, smallest model first, under its head."""
    rows = [["trial", "accuracy", "size", "MACs", "latency", "layers", "learning rate", "alpha"]]
    for trial in front:
        values, params = trial.values, trial.params
        rows.append(
            [
                str(trial.number),
                f"{values['accuracy']:.1%}",
                size(values["size_bytes"]),
                f"{values['macs']:,.0f}",
                f"{values['latency_ms']:.3f} ms",
                f"{net(params)} {params['activation']}",
                f"{params['learning_rate']:.2g}",
                f"{params['alpha']:.1g}",
            ]
        )
    return rows


def comparison_rows(found: Sequence[Found]) -> list[list[str]]:
    rows = [["algorithm", "hypervolume", f"best under {size(LIMIT)}", "on the front", "study"]]
    for one in found:
        best = best_small(one.trials)
        best_text = f"{best.values['accuracy']:.1%}" if best else "none"
        rows.append([one.algorithm, f"{one.hypervolume:.4f}", best_text, str(len(one.front)), one.study.name])
    return rows


def as_table(rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in rows[0]:
        table.add_column(name, justify="right", header_style="dim", no_wrap=True)
    for row in rows[1:]:
        table.add_row(*row)
    return table


def net(params: dict[str, Any]) -> str:
    return "-".join(str(params[f"width_{layer}"]) for layer in range(1, params["layers"] + 1))


def write_files(found: Sequence[Found], rows: Sequence[Sequence[str]], out: Path, seed: int) -> None:
    runs = [drawn(one) for one in found]
    subtitle = f"scikit-learn digits, 1 to 3 layers, {len(found[0].trials)} trials each, seed {seed}"
    notes = [
        f"{HYPERVOLUME} {LATENCY}",
        f"The history lies in <code>{escape(str(out / 'trimtab.db'))}</code>; <code>make serve</code> shows it.",
    ]
    (out / "front.svg").write_text(front_svg(runs, LIMIT, subtitle=subtitle))
    (out / "front.html").write_text(front_page.html(runs, subtitle, LIMIT, rows, notes))
    (out / "front.json").write_text(json.dumps(as_json(found, seed), indent=1))


def drawn(one: Found) -> Run:
    numbers = {trial.number for trial in one.front}
    points = [
        Point(
            trial.number,
            trial.values["accuracy"],
            trial.values["size_bytes"],
            f"{one.algorithm} #{trial.number}: {trial.values['accuracy']:.1%} in "
            f"{size(trial.values['size_bytes'])}, {net(trial.params)} {trial.params['activation']}, "
            f"learning rate {trial.params['learning_rate']:.2g}",
            trial.number in numbers,
        )
        for trial in one.trials
    ]
    growth = tuple(hypervolume(points[: count + 1]) for count in range(len(points)))
    return Run(one.algorithm, NAMES[one.algorithm], tuple(points), one.hypervolume, growth)


def hypervolume(points: Sequence[Point]) -> float:
    """The area between the points and the reference, accuracy by log10 of bytes; for the drawing of its growth."""
    worst, largest = OBJECTIVES["accuracy"].reference, OBJECTIVES["size_bytes"].reference
    area, height = 0.0, worst
    for point in sorted(points, key=lambda point: point.size_bytes):
        if point.accuracy > height and point.size_bytes < largest:
            area += (point.accuracy - height) * math.log10(largest / point.size_bytes)
            height = point.accuracy
    return area


def as_json(found: Sequence[Found], seed: int) -> dict[str, Any]:
    reference = {metric: objective.reference for metric, objective in OBJECTIVES.items()}
    return {
        "seed": seed,
        "limit_bytes": LIMIT,
        "reference": reference,
        "runs": [
            {
                "algorithm": one.algorithm,
                "study": one.study.name,
                "hypervolume": one.hypervolume,
                "front": [trial.number for trial in one.front],
                "trials": [
                    {"number": trial.number, "params": trial.params, "values": trial.values} for trial in one.trials
                ],
            }
            for one in found
        ],
    }
