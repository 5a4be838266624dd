"""Lays studies and trials out as text for a terminal: tables, and sentences about parameters and objectives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]
"""A study or a trial as the server said it, JSON."""

_REPEATS = {"trainable_parameters": "parameters", "parameters_nonzero": "parameters", "macs_nonzero": "macs"}
"""Metric -> the metric beside which it is left out where it says the same."""
_IMPLIED = {"flops": "macs"}
"""Metric -> the metric beside which it is left out: it follows from it."""


def table(rows: Sequence[Mapping[Any, Any]], titles: Mapping[Any, str] | None = None) -> list[str]:
    """Lines with a heading: columns in the order of their first use, numbers to the right. titles: key -> heading."""
    columns = []
    for key in dict.fromkeys(key for row in rows for key in row):
        values = [row.get(key) for row in rows]
        title = cell((titles or {}).get(key, key))
        texts = [title, *("" if value is None else cell(value) for value in values)]
        width = max(len(text) for text in texts)
        right = all(value is None or _is_number(value) for value in values)
        columns.append([text.rjust(width) if right else text.ljust(width) for text in texts])
    return ["  ".join(line).rstrip() for line in zip(*columns, strict=True)]


def studies(records: Sequence[Record]) -> list[str]:
    """A line per study."""
    counts = [record.get("counts") or {} for record in records]
    return table(
        [
            {
                "name": record["name"],
                "state": standing(record),
                "objectives": ", ".join(f"{_direction(one)} {name}" for name, one in record["objectives"].items()),
                **{state: count.get(state, 0) for state in ("complete", "failed", "running")},
                "max_trials": record.get("max_trials"),
            }
            for record, count in zip(records, counts, strict=True)
        ]
    )


def trials(study: Record, records: Sequence[Record]) -> list[str]:
    """A line per trial: its objectives, its params in the space's order, then what else was told."""
    objectives, metrics = list(study["objectives"]), _metrics(study, records)
    present = {name for record in records for name in record["params"]}
    params = [name for name in study["space"] if name in present]
    columns = [("value", name) for name in objectives]
    columns += [("param", name) for name in params]
    columns += [("value", name) for name in metrics]
    rows: list[dict[Any, Any]] = []
    for record in records:
        found = {"value": record.get("values") or {}, "param": record["params"]}
        row: dict[Any, Any] = {"trial": record["number"], "state": record["state"]}
        row |= {"variant": record["variant"]} if record.get("variant") else {}
        row |= {(kind, name): found[kind].get(name) for kind, name in columns}
        row |= {"failure": record["failure"]["kind"]} if record.get("failure") else {}
        rows.append(row | ({"over": "; ".join(record["broken"])} if record.get("broken") else {}))
    return table(rows, {(kind, name): name for kind, name in columns})


def study(record: Record) -> list[str]:
    """All that there is to say of one study."""
    lines = [_line("name", record["name"]), _line("id", record["id"]), _line("state", standing(record))]
    counts = [f"{count} {state}" for state, count in (record.get("counts") or {}).items() if count]
    lines.append(_line("trials", ", ".join(counts) or "none"))
    lines += [_line(name, record.get(name)) for name in ("max_trials", "charged", "algorithm", "seed", "created_at")]
    lines += _section("objectives", {name: objective(one) for name, one in record["objectives"].items()})
    lines += _section("metrics", dict.fromkeys(record.get("metrics") or (), ""))
    for limits in ("constraints", "space_constraints", "known_metrics", "late_metrics"):
        lines += _section(limits, dict.fromkeys(record.get(limits) or (), ""))
    lines += _section("space", {name: parameter(one) for name, one in record["space"].items()})
    lines += _section("baseline", record.get("baseline") or {})
    lines += _section("options", record.get("options") or {})
    return lines + _section("metadata", record.get("metadata") or {})


def trial(study: Record, record: Record) -> list[str]:
    """All that there is to say of one trial, with its contracts and reports."""
    names = ("state", "source", "worker", "attempt", "artifact", "created_at", "started_at", "finished_at")
    lines = [_line("trial", f"{record['number']} of {record['study']}")]
    lines += [_line(name, record[name]) for name in names if record.get(name)]
    if record.get("failure"):
        lines.append(_line("failure", f"{record['failure']['kind']}: {record['failure']['message']}"))
    params = record["params"]
    lines += _section("params", {name: params[name] for name in study["space"] if name in params})
    told = record.get("values") or {}
    errors, contracts = record.get("stderrs") or {}, record.get("contracts") or {}
    values = {}
    for name in [name for name in study["objectives"] if name in told] + sorted(set(told) - set(study["objectives"])):
        error = f" ± {cell(errors[name])}" if errors.get(name) else ""
        contract = f"  ({setting(contracts[name])})" if contracts.get(name) else ""
        values[name] = f"{cell(told[name])}{error}{contract}"
    lines += _section("values", values)
    for name, own in (record.get("variants") or {}).items():
        lines += _section(f"variant {cell(name)}", own)
    lines += _section("over the limits", dict.fromkeys(record.get("broken") or (), ""))
    if record.get("reports"):
        lines.append("reports")
        lines += [
            f"  {line}" for line in table([{"step": one["step"], **one["values"]} for one in record["reports"]])
        ]
    return lines


def standing(record: Record) -> str:
    """Whether a study still hands out trials: "active", "active, budget used up (40 of 40)"."""
    limit, charged = record.get("max_trials"), record.get("charged") or 0
    used_up = limit is not None and charged >= limit
    return f"{record['state']}, budget used up ({charged} of {limit})" if used_up else str(record["state"])


def objective(spec: str | Record) -> str:
    """ "minimize, log, reference 1e+06"; a weight of 1 goes without saying."""
    if isinstance(spec, str):
        return spec
    parts = [_direction(spec), "log" if spec.get("log") else ""]
    more = ("reference", "threshold", "noise", "formula", "weight")
    silent = {"weight": 1}
    parts += [f"{name} {cell(spec[name])}" for name in more if spec.get(name) not in (None, silent.get(name))]
    return ", ".join(part for part in parts if part)


def parameter(spec: Record) -> str:
    """ "float 0.0001 to 0.1, log", "int 8 to 256, present when layers is 2 or 3"."""
    kind = spec.get("type")
    match kind:
        case "float" | "int":
            parts = [f"{kind} {cell(spec['low'])} to {cell(spec['high'])}", "log" if spec.get("log") else ""]
            step = spec.get("step")
            parts.append("" if step is None or (kind == "int" and step == 1) else f"in steps of {cell(step)}")
        case "categorical":
            parts = [f"one of {_listed(spec['choices'])}", "ordered" if spec.get("ordered") else ""]
        case "constant":
            parts = [f"always {cell(spec['value'])}"]
        case _:
            parts = [setting(spec)]
    when = " and ".join(f"{cell(parent)} is {_listed(values)}" for parent, values in (spec.get("when") or {}).items())
    parts.append(f"present when {when}" if when else "")
    return ", ".join(part for part in parts if part)


def setting(given: Any) -> str:
    """What someone noted, on one line; a mapping as name=value, without what is empty or off."""
    if not isinstance(given, Mapping):
        return cell(given)
    return "  ".join(f"{cell(name)}={cell(one)}" for name, one in given.items() if not _is_off(one))


def cell(value: Any) -> str:
    """A value as text that can't move the cursor: what others wrote may hold control characters."""
    text = f"{value:.6g}" if isinstance(value, float) else "-" if value is None else str(value)
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _metrics(study: Record, records: Sequence[Record]) -> list[str]:
    """What was told beside the objectives, in the order of first use, without what says nothing new."""
    told: list[Record] = [record.get("values") or {} for record in records]

    def is_new(metric: str) -> bool:
        holders = [values for values in told if metric in values]
        if metric in _IMPLIED:
            return any(_IMPLIED[metric] not in values for values in holders)
        if metric in _REPEATS:
            return any(values.get(_REPEATS[metric]) != values[metric] for values in holders)
        return True

    names = dict.fromkeys(metric for values in told for metric in values)
    return [name for name in names if name not in study["objectives"] and is_new(name)]


def _direction(spec: str | Record) -> str:
    return spec if isinstance(spec, str) else str(spec["direction"])


def _section(title: str, entries: Mapping[str, Any]) -> list[str]:
    width = max((len(cell(name)) for name in entries), default=0)
    lines = [f"  {cell(name):<{width}}  {setting(one)}".rstrip() for name, one in entries.items()]
    return [title, *lines] if lines else []


def _line(name: str, value: Any) -> str:
    return f"{name:<12}{cell(value)}"


def _listed(values: Sequence[Any]) -> str:
    """ "2", "2 or 3", "2, 4 or 8"."""
    texts = [cell(value) for value in values]
    return " or ".join(part for part in (", ".join(texts[:-1]), texts[-1]) if part) if texts else "nothing"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_off(given: Any) -> bool:
    return given is None or given is False or given in ([], {})
