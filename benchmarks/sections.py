"""The sections of the page of benchmarks, each with where its figures come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.latencies import OURS, stop
from benchmarks.markdown import figure, lead, name, score, table
from benchmarks.parts import Part

GPSAMPLER = "optuna-gp"
"""The peer that the page compares with first, as its recorded runs name it."""
Row = dict[str, Any]

SCORES = r"""A score is (R - v) / (R - v\*): v is the median over the seeds, R what random search reaches in as
many trials, v\* the optimum, or the best that anybody has seen. 0 is random search, 1 the optimum, and 0.01 a
point. A lead is a difference of medians in points; the brackets hold 95 % of what resampling the seeds gives.
Within half a point is a tie. A peer is judged where it and Trimtab have 3 seeds or more; each ran at its defaults,
with the same noise for the same seed. The means are over problems of one objective that the peer was recorded on;
wins, ties and losses are ours, over all of them."""

TABLES = {
    "tables": "One objective, with its noise: what is left to the optimum.",
    "fronts": "Two objectives: the share of the true front's hypervolume after 50 trials, and after 100.",
    "failing": "A quarter of the combinations fails: what is left to the optimum of the others.",
}

LATENCY = """Milliseconds of the processor that one suggestion takes, with its fit: the median over consecutive
asks, with one trial more told before each. n trials were told before the first, of d parameters, all floats. The
optimizers take turns, each in a process of its own and on one thread, so by the wall it takes as long where
nothing else runs. In brackets how many times ours. The first ask of a process is left out, since it loads and
compiles."""

OURS_APART = """Ours, by the processor and then by the wall of this machine, which may have been busy. In a long study
length scales are fitted anew only once in so many trials, more for larger n; so a mean may be above its median:"""


# --- Results --------------------------------------------------------------------------------------------------------


def results(part: Part) -> str:
    """Scores beside the recorded peers."""
    said = ["## Result after a number of trials", part.origin]
    if part.summary:
        said += [SCORES, _means(part.summary["peers"]), _scores(part.summary["problems"])]
    return "\n\n".join(said)


def _means(peers: Sequence[Row]) -> str:
    rows = [
        [
            name(one["peer"]) + ("" if one["judged"] else ", too few seeds to judge"),
            *(score(one["score"]), score(one["ours"])),
            *(str(one[key]) for key in ("single", "wins", "ties", "losses")),
        ]
        for one in sorted(peers, key=lambda one: (not one["judged"], one["score"] is None, -(one["score"] or 0.0)))
    ]
    return table(["peer", "its mean score", "ours", "problems", "wins", "ties", "losses"], rows)


def _scores(problems: Sequence[Row]) -> str:
    """A row for each problem, a column for each optimizer that is judged somewhere."""
    judged = {line["name"] for one in problems for line in one["rows"] if line["recorded"] and line["judged"]}
    columns = [("gp", False), *((who, True) for who in sorted(judged, key=lambda who: (who != GPSAMPLER, who)))]
    rows = []
    for one in problems:
        lines = {(line["name"], line["recorded"]): line for line in one["rows"]}
        rivals = [line for line in one["rows"] if line["recorded"] and line["judged"] and line["difference"]]
        best = max(rivals, key=lambda line: line["score"], default=None)
        scores = [score(lines[key]["score"]) if key in lines else "" for key in columns]
        ahead = f"{lead(best['difference'])} on {name(best['name'])}" if best else ""
        rows.append([one["problem"], str(one["trials"]), *scores, ahead])
    return table(["score on", "trials", *(name(who) for who, _ in columns), "lead on the best of them"], rows)


def tables(parts: Sequence[Part]) -> str:
    """Tables of trained models: one objective, two, and with failing trials."""
    said = ["## Tables of trained models"]
    for part in parts:
        said += [f"**{part.name}**: {TABLES[part.name]} {part.origin}", *([_table_of(part)] if part.summary else [])]
    return "\n\n".join(said)


def _table_of(part: Part) -> str:
    share = part.name == "fronts"
    rows = []
    for one in part.summary["problems"]:
        for line in one["rows"]:
            found = _shares(line["shares"] or ()) if share else figure(line["regret"])
            again = str(one["failed_again"]) if line["name"] == "gp" else ""
            ahead = lead(line["difference"])
            rows.append([one["problem"], name(line["name"]), str(line["seeds"]), found, ahead, again])
        for peer, kept in one["published"].items():
            found = _shares(kept["median"]) if share else figure(kept["median"])
            rows.append([one["problem"], f"{name(peer)}, recorded", str(kept["seeds"]), found, "", ""])
    heads = ["table", "optimizer", "seeds", "share" if share else "regret", "our lead in points", "failed again"]
    return table(heads, rows, words=2)


def _shares(values: Sequence[float]) -> str:
    return ", ".join(figure(one) for one in values)


def varied(part: Part) -> str:
    """The functions that the engine's constants were chosen by."""
    rows = [
        [one["problem"], *(score(line["score"]) for line in one["rows"]), lead(one["rows"][-1]["difference"])]
        for one in part.summary.get("problems", ())
    ]
    names = [name(line["name"]) for line in part.summary["problems"][0]["rows"]] if rows else []
    grid = [table(["score on", *names, f"lead on {names[-1]}"], rows)] if rows else []
    return "\n\n".join(["## Functions that the constants were chosen by", part.origin, *grid])


def many_parameters(part: Part) -> str:
    """A long study of many parameters, of which few matter."""
    rows = [
        [one["problem"], name(line["name"]), str(one["trials"]), figure(line["regret"]), figure(line["ask_cpu_ms"])]
        for one in part.summary.get("problems", ())
        for line in one["rows"]
    ]
    heads = ["problem", "optimizer", "trials", "regret", "CPU ms of an ask"]
    return "\n\n".join(["## Many parameters", part.origin, *([table(heads, rows, words=2)] if rows else [])])


def workers(part: Part) -> str:
    """What parallel workers cost."""
    rows = [
        [
            *(one["problem"], str(line["workers"]), str(line["trials"]), str(line["seeds"]), score(line["score"])),
            *(lead(line["difference"]), figure(line["closest_open"])),
        ]
        for one in part.summary.get("problems", ())
        for line in one["rows"]
    ]
    text = "With w workers w trials are open at a time. Nearest: how near two open ones came, in the unit cube."
    heads = ["problem", "workers", "trials", "seeds", "score", "lead on one worker", "nearest"]
    return "\n\n".join(["## Parallel workers", part.origin, *([text, table(heads, rows)] if rows else [])])


# --- Latency --------------------------------------------------------------------------------------------------------


def latency(part: Part) -> str:
    """How long one suggestion takes."""
    said = ["## Latency", part.origin]
    found = part.summary.get("rows", [])
    if not found:
        return "\n\n".join(said)
    said += [
        LATENCY,
        _medians(found),
        OURS_APART,
        _ours(found),
    ]
    said += [f"{name(who)} is missing: {why}." for who, why in part.summary["missing"].items()]
    stops = [
        f"- {name(one['optimizer'])} at d = {one['d']}, n = {one['n']:,}: {stop(one)}"
        for one in found
        if one["stopped"]
    ]
    if stops:
        rule = (
            f"An optimizer was stopped whose asks at a point took more than {part.summary['limit']:.0f} s of CPU time"
        )
        said.append(f"{rule}, and left out at larger n if it had answered none but the first:\n\n" + "\n".join(stops))
    return "\n\n".join(said)


def _medians(found: Sequence[Row]) -> str:
    at = {(one["d"], one["n"], one["optimizer"]): one for one in found}
    columns = list(dict.fromkeys(one["optimizer"] for one in found))
    points = dict.fromkeys((one["d"], one["n"]) for one in found)
    rows = [[str(d), f"{n:,}", *(_median(at.get((d, n, who))) for who in columns)] for d, n in points]
    return table(["d", "n", *(name(who) for who in columns)], rows, words=0)


def _median(row: Row | None) -> str:
    if row is None:
        return ""
    times = "" if row["optimizer"] == OURS or "cpu_ratio" not in row else f" ({row['cpu_ratio']:.1f})"
    if row["asks"]:
        return f"{figure(row['cpu_p50'])}{times}"
    return f"more than {figure(row['more_than'])}{times}" if times else "stopped"


def _ours(found: Sequence[Row]) -> str:
    rows = [
        [
            *(str(one["d"]), f"{one['n']:,}", str(one["asks"])),
            *(figure(one[key]) for key in ("cpu_p50", "cpu_mean", "p50", "p95", "mean", "warm_up", "peak_mb")),
        ]
        for one in found
        if one["optimizer"] == OURS and one["asks"]
    ]
    heads = ["d", "n", "asks", "CPU median", "CPU mean", "median", "95 %", "mean", "first ask", "peak memory, MB"]
    return table(heads, rows, words=0)
