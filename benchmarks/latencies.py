"""What the records of latency say: medians, how many times ours each other optimizer takes, and what was reached."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Record = dict[str, Any]
Row = dict[str, Any]

OURS, RIVAL, RIVAL_HELPED = "trimtab", "optuna-alone", "optuna"
"""GPSampler is judged as Optuna installs it, without greenlet; with it, it is faster."""
JUDGED_D, JUDGED_N = 6, (100, 1_000)
TIMES, GROWTH, MEMORY_MB = 10.0, 3.0, 1_000.0
"""The rival is to take so many times ours or more; we, so many times as long at n = 10,000 as at 300 or less; and to
hold less than so much."""

HEAD = (
    f"{'d':>3} {'n':>7} {'optimizer':13} {'p50 ms':>9} {'p95':>9} {'mean':>9} {'CPU p50':>9} {'x ours':>7} "
    f"{'warm-up':>9} {'peak MB':>8}"
)


def rows(records: Iterable[Record]) -> list[Row]:
    """A row per optimizer and point, all in milliseconds: p50, p95, mean, cpu_p50, cpu_mean, warm_up; peak_mb.

    ratio, cpu_ratio: how many times ours it takes, by the wall and of the processor. An optimizer that was stopped
    before its first ask after the warm-up has no p50; if that ask was stopped for time, cpu_ratio is a lower bound.
    """
    found = [_row(record) for record in records]
    ours = {(one["d"], one["n"]): one for one in found if one["optimizer"] == OURS and one["asks"]}
    for one in found:
        base = ours.get((one["d"], one["n"]))
        if base and one["asks"]:
            one["ratio"], one["cpu_ratio"] = one["p50"] / base["p50"], one["cpu_p50"] / base["cpu_p50"]
        elif base and one["warm_up"] and one["more_than"]:
            one["cpu_ratio"] = one["more_than"] / base["cpu_p50"]
    return sorted(found, key=lambda one: (one["d"], one["n"]))


def _row(record: Record) -> Row:
    kept = {name: record[name] for name in ("optimizer", "version", "d", "n", "peak_mb", "stopped")}
    wall, cpu = (1e3 * np.array(record[name]) for name in ("wall", "cpu"))
    spread = {"p50": np.median(wall), "p95": np.percentile(wall, 95), "mean": wall.mean()} if len(wall) else {}
    return {
        **kept,
        "asks": len(wall),
        "warm_up": 1e3 * record["warm_up"]["wall"] if record["warm_up"] else None,
        "more_than": 1e3 * record["more_than"] if record["more_than"] else None,
        **{name: float(one) for name, one in spread.items()},
        **({"cpu_p50": float(np.median(cpu)), "cpu_mean": float(cpu.mean())} if len(cpu) else {}),
    }


def statements(found: Sequence[Row]) -> list[dict[str, Any]]:
    """{"text", "passed", "detail"} of what is to be reached, by the times of the wall and of the processor both."""
    at = {(one["optimizer"], one["d"], one["n"]): one for one in found}
    return [*(_tenth(at, n) for n in JUDGED_N), _flat(at), _small(found)]


Places = Mapping[tuple[str, int, int], Row]


def _tenth(at: Places, n: int) -> dict[str, Any]:
    one, helped = (at.get((name, JUDGED_D, n), {}) for name in (RIVAL, RIVAL_HELPED))
    return {
        "text": f"at n = {n:,} and d = {JUDGED_D} our median is at most a tenth of GPSampler's as it is installed",
        "passed": "cpu_ratio" in one and min(one["cpu_ratio"], one.get("ratio", math.inf)) >= TIMES,
        "detail": f"it takes {_times(one)}; with greenlet {_times(helped)}",
    }


def _times(row: Row) -> str:
    if "cpu_ratio" not in row:
        return "not measured"
    if not row["asks"]:
        return f"more than {row['cpu_ratio']:.1f} times ours in CPU time"
    return f"{row['ratio']:.1f} times ours ({row['cpu_ratio']:.1f} in CPU time)"


def _flat(at: Places) -> dict[str, Any]:
    dimensions = sorted({d for name, d, n in at if name == OURS and n == 10_000})
    pairs = {d: (at.get((OURS, d, 300), {}), at[OURS, d, 10_000]) for d in dimensions}
    growth = {
        d: [late[name] / early[name] for name in ("p50", "cpu_p50")]
        for d, (early, late) in pairs.items()
        if early.get("asks") and late["asks"]
    }
    said = [f"{wall:.1f} times ({cpu:.1f} in CPU time) for d = {d}" for d, (wall, cpu) in growth.items()]
    return {
        "text": "our median at n = 10,000 is at most 3 times that at n = 300",
        "passed": JUDGED_D in growth and all(max(pair) <= GROWTH for pair in growth.values()),
        "detail": ", ".join(said) or "not measured",
    }


def _small(found: Sequence[Row]) -> dict[str, Any]:
    ours = [one for one in found if one["optimizer"] == OURS and one["asks"]]
    peak, most = max((one["peak_mb"] for one in ours), default=0.0), max((one["n"] for one in ours), default=0)
    return {
        "text": "our process holds less than 1 GB up to n = 10,000",
        "passed": most >= 10_000 and peak < MEMORY_MB,
        "detail": f"{peak:.0f} MB up to n = {most:,}",
    }


def line(row: Row) -> str:
    """A row as a line under HEAD."""
    start = f"{row['d']:3} {row['n']:7,} {row['optimizer']:13}"
    if not row["asks"]:
        return f"{start} {stop(row)}"
    ratio = f"{row['ratio']:7.1f}" if "ratio" in row else f"{'':7}"
    figures = f"{row['p50']:9.1f} {row['p95']:9.1f} {row['mean']:9.1f} {row['cpu_p50']:9.1f} {ratio}"
    return f"{start} {figures} {row['warm_up']:9.0f} {row['peak_mb']:8.0f} {stop(row)}".rstrip()


def stop(row: Row) -> str:
    """Why an optimizer was stopped, and when; empty when it was not."""
    asks = f" after {row['asks']} asks" if row["asks"] else ""
    match row["stopped"]:
        case "":
            return ""
        case "time" if row["asks"] or row["more_than"] is None:
            return f"stopped{asks}"
        case "time":
            where = "" if row["warm_up"] else "the warm-up alone "
            return f"stopped: {where}more than {row['more_than'] / 1e3:.0f} s of CPU time"
        case "memory":
            return f"stopped{asks}: more memory than allowed"
        case said:
            return f"failed{asks}: {said}"


def summary(path: Path) -> dict[str, Any]:
    """The newest run in a file: at, command, quick, limit, machine; missing (optimizer -> why), rows, statements.

    {} when there is none.
    """
    records = [json.loads(one) for one in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    if not records:
        return {}
    run = max(records, key=lambda one: str(one["at"]))
    newest = [one for one in records if one["at"] == run["at"]]
    found = rows(one for one in newest if "n" in one)
    return {
        **{name: run[name] for name in ("at", "command", "quick", "limit", "machine")},
        "missing": {one["optimizer"]: one["missing"] for one in newest if "missing" in one},
        "rows": found,
        "statements": statements(found),
    }
