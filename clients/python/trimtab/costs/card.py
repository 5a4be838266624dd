"""Shows costs to people: figures with their units, how each is known, and what is not known, as text and as HTML.

The HTML brings no style of its own beyond alignment, so that it suits light and dark notebooks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trimtab.costs.cost import Cost

Row = tuple[str, str, str]
"""What it is, how much, how it is known."""
Units = tuple[tuple[float, str], ...]
"""The units that a figure is written in, the largest first, each in terms of the figure's own."""

MOST_LAYERS = 500
"""Rows of the table of layers that a notebook shows."""
_COUNT: Units = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_BYTES: Units = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_JOULES: Units = ((1e6, "MJ"), (1e3, "kJ"), (1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ"), (1e-9, "nJ"))
_GRAMS: Units = ((1e6, "t"), (1e3, "kg"), (1.0, "g"), (1e-3, "mg"), (1e-6, "µg"), (1e-9, "ng"))
_FIGURES: dict[str, tuple[str, Units]] = {
    "parameters": ("parameters", _COUNT),
    "trainable_parameters": ("trainable parameters", _COUNT),
    "parameters_nonzero": ("non-zero parameters", _COUNT),
    "size_bytes": ("size", _BYTES),
    "serialized_bytes": ("file size", _BYTES),
    "macs": ("MACs", _COUNT),
    "macs_nonzero": ("non-zero MACs", _COUNT),
    "flops": ("FLOPs", _COUNT),
    "activation_peak_bytes": ("peak memory", _BYTES),
    "latency_ms": ("latency", ((1.0, "ms"),)),
    "energy_mj": ("energy", tuple((factor * 1e3, unit) for factor, unit in _JOULES)),
    "co2_g": ("CO2", _GRAMS),
    "training_energy_j": ("training energy", _JOULES),
    "training_co2_g": ("training CO2", _GRAMS),
}
"""Metric -> what people call it, and its units."""


def text(cost: Cost) -> str:
    """The card as lines: a figure each, then what is not known and why."""
    rows = list(_rows(cost))
    label, amount = (max((len(row[column]) for row in rows), default=0) for column in (0, 1))
    lines = [f"  {one:<{label}}  {much:>{amount}}  {how}".rstrip() for one, much, how in rows]
    if cost.layers:
        lines.append(f"  in {_layers(cost)}: cost.layers")
    return "\n".join(["Cost", *(lines or ["  nothing is known"])])


def html(cost: Cost) -> str:
    """The card for a notebook, the table of layers folded."""
    parts = [table(_rows(cost))]
    if cost.layers:
        rows = [
            (one.name, one.kind, f"{one.parameters:,}", "?" if one.macs is None else f"{one.macs:,}",
             "" if one.output_shape is None else shape(one.output_shape))
            for one in cost.layers[:MOST_LAYERS]
        ]  # fmt: skip
        more = len(cost.layers) - len(rows)
        note = f"<p>{more:,} more in cost.layers</p>" if more else ""
        inner = table(rows, ("layer", "kind", "parameters", "MACs", "output"))
        parts.append(f"<details><summary>{_layers(cost)}</summary>{inner}{note}</details>")
    return f"<div><strong>Cost</strong>{''.join(parts)}</div>"


def trial_html(record: Mapping[str, Any]) -> str:
    """A trial as the server said it: its params, and its values with how each is known where the record tells."""
    stderrs, contracts = record.get("stderrs") or {}, record.get("contracts") or {}
    values = [
        (metric, amount(metric, value, stderrs.get(metric)), known(contracts.get(metric) or {}))
        for metric, value in (record.get("values") or {}).items()
    ]
    title = f"Trial {record['number']}, {record['state']}"
    return (
        f"<div><strong>{escape(title)}</strong>{table((name, str(one)) for name, one in record['params'].items())}"
        f"{table(values)}</div>"
    )


def table(rows: Iterable[Sequence[str]], titles: Sequence[str] = ()) -> str:
    """An HTML table, all of it escaped; the first column heads its row."""
    heading = "".join(f'<th scope="col" style="text-align:left">{escape(one)}</th>' for one in titles)
    body = "".join(
        f'<tr><th scope="row" style="text-align:left">{escape(first)}</th>'
        + "".join(f'<td style="text-align:left">{escape(one)}</td>' for one in rest)
        + "</tr>"
        for first, *rest in rows
    )
    return f"<table>{f'<thead><tr>{heading}</tr></thead>' if heading else ''}<tbody>{body}</tbody></table>"


def amount(metric: str, value: float, stderr: float | None = None) -> str:
    """The figure with its unit and standard error: "94,346", "61.2 kB", "0.421 ± 0.0031 ms", "328 ng"."""
    units = _FIGURES.get(metric, (metric, ((1.0, ""),)))[1]
    factor, unit = next((one for one in units if abs(value) >= one[0] * 0.9995), units[-1])
    if units is _COUNT and abs(value) < 1e6:
        factor, unit = 1.0, ""
    if not value:
        factor, unit = next(one for one in units if one[0] == 1.0)
    numbers = [
        _digits(value / factor, 3 if metric in _FIGURES else 4),
        *([] if stderr is None else [_digits(stderr / factor, 2)]),
    ]
    return f"{' ± '.join(numbers)} {unit}".rstrip()


def known(contract: Mapping[str, Any]) -> str:
    """How a figure was come by, in a few words: "measured, 200 repetitions, input 1x3x32x32, float32, 1 thread"."""
    how, threads, device = contract.get("how"), contract.get("threads"), contract.get("device")
    name = device.get("name") if isinstance(device, Mapping) else device
    repetitions, taken = contract.get("repetitions"), contract.get("input_shape")
    parts = [
        str(how).replace("_", " ") if how else "",
        f"{repetitions} repetitions" if repetitions else "",
        f"input {shape(taken)}" if isinstance(taken, list | tuple) else "",
        str(contract.get("dtype") or ""),
        f"{threads} thread{'' if threads == 1 else 's'}" if isinstance(threads, int) else "",
        str(name or ""),
    ]
    return ", ".join(part for part in parts if part)


def shape(sizes: Sequence[object]) -> str:
    """A shape as people write it, "1x3x32x32"; "scalar" without axes."""
    return "x".join(map(str, sizes)) or "scalar"


def _rows(cost: Cost) -> Iterator[Row]:
    for metric, (label, _) in _FIGURES.items():
        value = getattr(cost, metric, None)
        if value is not None:
            yield label, amount(metric, value, cost.stderr.get(metric)), known(cost.contract.get(metric, {}))
        elif metric == "macs" and cost.macs_at_least is not None:
            yield label, f"at least {amount(metric, cost.macs_at_least)}", cost.unknown.get(metric, "")
    reasons: dict[str, list[str]] = {}
    for metric, reason in cost.unknown.items():
        reasons.setdefault(reason, []).append(_FIGURES[metric][0] if metric in _FIGURES else metric)
    yield from (("unknown", "", f"{', '.join(labels)}: {reason}") for reason, labels in reasons.items())


def _layers(cost: Cost) -> str:
    return f"{len(cost.layers):,} layer{'' if len(cost.layers) == 1 else 's'}"


def _digits(number: float, digits: int) -> str:
    """So many digits, without zeros at the end of decimals; whole numbers in full."""
    if float(number).is_integer() and abs(number) < 1e15:
        return f"{int(number):,}"
    if not math.isfinite(number):
        return str(number)
    places = digits - 1 - math.floor(math.log10(abs(number)))
    if places > 8:
        return f"{number:.{digits}g}"
    return f"{number:,.{places}f}".rstrip("0").rstrip(".") if places > 0 else f"{number:,.0f}"
