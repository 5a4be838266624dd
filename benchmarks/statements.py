"""What the optimizer is asked to show, as sentences that a set of runs makes true or false."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.comparison import LATE, Table, our_line

REGRETS, TRIALS = {"fcnet_protein": 0.0012, "mlp_vehicle": 0.0064, "graph_cora": 0.012}, 50
"""Table -> the most regret after so many trials; on graph_cora it must stay below."""
MOST_FAILED, SCATTERED = 0.08, ("mlp_vehicle_failing",)
"""The largest share of late trials that may fail, and where nobody could know which do, since they are scattered."""
ENGINE_CPU_S = 60.0
"""The most seconds of the processor that all asks of the embedded function may take."""


def statements(tables: Sequence[Table], peers: Sequence[Table]) -> list[Table]:
    """{"set", "text", "passed", "detail"} for all that these runs can show."""
    found = _of_peers([one for one in tables if one["set"] == "peers"], peers)
    for one in tables:
        match one["set"]:
            case "tables":
                found += _of_table(one)
            case "failing":
                found += [_never_again(one), _better_than_random(one), *_fails_little(one)]
            case "embedded":
                found.append(_of_embedded(one))
    return found


def verdicts(found: Sequence[Table]) -> list[str]:
    """The statements as lines, each with pass or FAIL."""
    return [
        f"{'pass' if one['passed'] else 'FAIL'}  {one['text']}" + (f" ({one['detail']})" if one["detail"] else "")
        for one in found
    ]


def points(apart: Table) -> str:
    """A difference of scores with its interval, in points."""
    return "{:+z.1f} points [{:+z.1f}, {:+z.1f}]".format(*(100 * apart[key] for key in ("middle", "low", "high")))


def _statement(name: str, text: str, detail: str, *, passed: bool) -> Table:
    return {"set": name, "text": text, "passed": passed, "detail": detail}


def _of_peers(tables: Sequence[Table], peers: Sequence[Table]) -> list[Table]:
    judged = [one for one in peers if one["judged"] and one["score"] is not None]
    if not judged:
        return []
    behind = [one for one in judged if one["ours"] <= one["score"]]
    nearest = min(judged, key=lambda one: one["ours"] - one["score"])
    means = ", ".join(f"{one['peer']} {one['score']:.4f}, ours {one['ours']:.4f}" for one in behind or [nearest])
    below = []
    for table in tables:
        rivals = [line for line in table["rows"] if line["judged"] and line["difference"]]
        best = max(rivals, key=lambda line: line["score"], default=None)
        if best and best["difference"]["high"] < 0:
            below.append(f"{table['problem']} ({best['name']}, {points(best['difference'])})")
    return [
        _statement(
            "peers",
            f"mean score above that of each of {len(judged)} judged peers",
            f"{'behind' if behind else 'nearest'}: {means}",
            passed=not behind,
        ),
        _statement(
            "peers",
            f"on none of {len(tables)} problems is the interval wholly below the best judged peer",
            f"below: {', '.join(below)}" if below else "",
            passed=not below,
        ),
    ]


def _of_table(table: Table) -> list[Table]:
    ours, limit = our_line(table), REGRETS.get(table["problem"])
    if ours is None or limit is None or table["trials"] != TRIALS:
        return []
    strict = table["problem"] == "graph_cora"
    # The limits are peers' medians, which were rounded to four digits.
    regret = round(ours["regret"], 4) if not strict else ours["regret"]
    passed = regret < limit if strict else regret <= limit
    first = _statement(
        "tables",
        f"median regret on {table['problem']} {'below' if strict else 'at most'} {limit:g} after {TRIALS} trials",
        f"{ours['regret']:.5f} over {ours['seeds']} seeds",
        passed=passed,
    )
    return [first, _never_again(table)] if strict else [first]


def _never_again(table: Table) -> Table:
    return _statement(
        table["set"],
        f"no failed params of {table['problem']} come again",
        f"{table['failed_again']} did; {table['failed']:.1f} trials of a run failed",
        passed=table["failed_again"] == 0,
    )


def _fails_little(table: Table) -> list[Table]:
    """Where a region fails that can be learned, the share of late trials in it."""
    late = table["failed_late"]
    if table["problem"] in SCATTERED or late is None or table["trials"] < 100:
        return []
    text = f"at most {MOST_FAILED:.0%} of the trials of {table['problem']} from {LATE} to {table['trials']} fail"
    return [_statement(table["set"], text, f"{late:.1%}", passed=late <= MOST_FAILED)]


def _better_than_random(table: Table) -> Table:
    line = next((line for line in table["rows"] if line["name"] == "random"), None)
    apart = line["difference"] if line else None
    return _statement(
        table["set"],
        f"better than random search on {table['problem']} after {table['trials']} trials",
        points(apart) if apart else "random search was not run",
        passed=bool(apart and apart["middle"] > 0),
    )


def _of_embedded(table: Table) -> Table:
    most = max(table["engine_cpu_s"], default=float("nan"))
    return _statement(
        "embedded",
        f"{table['trials']} trials of {table['problem']} take under {ENGINE_CPU_S:g} s of engine CPU time",
        f"at most {most:.1f} s",
        passed=most < ENGINE_CPU_S,
    )
