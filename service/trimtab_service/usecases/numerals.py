"""Numbers as people read them: enough digits to compare by, a unit where the name has one, exact on demand."""

from __future__ import annotations

import math

_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_SCALES = {
    "_ms": ((1.0, "ms"),),
    "_mj": ((1e9, "MJ"), (1e6, "kJ"), (1e3, "J"), (1.0, "mJ"), (1e-3, "µJ"), (1e-6, "nJ")),
    "energy_j": ((1e6, "MJ"), (1e3, "kJ"), (1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ")),
    "_g": ((1e6, "t"), (1e3, "kg"), (1.0, "g"), (1e-3, "mg"), (1e-6, "µg"), (1e-9, "ng")),
}
"""Ending of a metric's name, which tells its unit -> the units that it is written in, each in terms of that one."""
_LABELS = {
    "parameters_nonzero": "non-zero parameters",
    "size_bytes": "size",
    "serialized_bytes": "file size",
    "activation_peak_bytes": "peak memory",
    "latency_ms": "latency",
    "energy_mj": "energy",
    "co2_g": "CO₂",
    "training_energy_j": "training energy",
    "training_co2_g": "training CO₂",
    "macs": "MACs",
    "macs_nonzero": "non-zero MACs",
    "flops": "FLOPs",
}
_COUNTED = frozenset({"macs", "macs_nonzero", "flops", "parameters", "trainable_parameters", "parameters_nonzero"})


def is_size(name: str) -> bool:
    """Whether the metric counts bytes."""
    return name.endswith("_bytes")


def is_count(name: str) -> bool:
    """Whether the metric counts parameters or operations, of which there may be billions."""
    return name in _COUNTED


def label(metric: str) -> str:
    """The metric in a sentence: "size" for size_bytes; the name itself for those that are not Trimtab's."""
    return _LABELS.get(metric, metric.replace("_", " ") if is_count(metric) else metric)


def said(metric: str, value: float) -> str:
    """The metric and its value in a sentence: "accuracy 0.9783", "size 61.2 kB", "latency 0.42 ms", "43.2 k MACs"."""
    if is_count(metric):
        return f"{amount(metric, value)} {label(metric)}"
    return f"{label(metric)} {amount(metric, value)}"


def amount(metric: str, value: float) -> str:
    """The value with its unit, as far as the metric's name tells one."""
    if is_size(metric):
        return size(value)
    if is_count(metric):
        return compact(value)
    scale = _scale(metric)
    return short(value) if scale is None else _scaled(value, scale)


def exact(metric: str, value: float) -> str:
    """Every digit of the value, as a hover text: "61,213 bytes", "0.421300012 ms", "0.978330612"."""
    text = f"{int(value):,}" if float(value).is_integer() and abs(value) < 1e15 else repr(value)
    if is_size(metric):
        return f"{text} bytes"
    scale = _scale(metric)
    return text if scale is None else f"{text} {dict(scale)[1.0]}"


def with_error(value: str, stderr: str) -> str:
    """A value and its standard error, both as written; a unit that they share is said once: "0.42 ± 0.01 ms"."""
    number, _, unit = value.partition(" ")
    return f"{number} ± {stderr}" if unit and stderr.endswith(f" {unit}") else f"{value} ± {stderr}"


def size(number: float) -> str:
    """Bytes in decimal units, to three digits: 512 B, 61.2 kB, 1.05 MB."""
    return _prefixed(number, unit="B")


def compact(number: float) -> str:
    """A count to three digits: 950, 43.2 k, 1.2 M."""
    return _prefixed(number, unit="")


def short(number: float, *, digits: int = 4) -> str:
    """The number to so many significant digits, without zeros at its end: 0.5, 0.9783, 12,000, 1.2e-5."""
    return _trim(significant(number, digits=digits))


def significant(number: float, *, digits: int = 4) -> str:
    """The number to so many significant digits: 0.5000, 0.9783; whole numbers in full; far from 1 as 1.200e-5."""
    if not math.isfinite(number):
        return str(number)
    if float(number).is_integer() and abs(number) < 1e7:
        return f"{int(number):,}"
    magnitude = math.floor(math.log10(abs(number)))
    if not -4 <= magnitude < 7:
        return f"{number:.{digits - 1}e}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
    return f"{number:,.{max(digits - 1 - magnitude, 0)}f}"


def fixed(number: float, decimals: int) -> str:
    """The number with so many decimals, thousands set apart."""
    return f"{number:,.{decimals}f}"


def shared_decimals(numbers: list[float], *, digits: int = 4) -> int | None:
    """The decimals that suit all numbers of a column, or None when they span too much for one number of decimals."""
    sizes = [abs(number) for number in numbers if number and math.isfinite(number)]
    if not sizes or all(float(number).is_integer() for number in numbers):
        return 0 if sizes and max(sizes) < 1e12 else None
    top = math.floor(math.log10(max(sizes)))
    if max(sizes) / min(sizes) > 10.0 ** (digits - 2) or not -3 <= top < 6:
        return None
    return max(digits - 1 - top, 0)


def step_decimals(step: float) -> int:
    """The decimals that tell multiples of a step apart."""
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return decimals if abs(round(step, decimals) - step) < step * 1e-6 else decimals + 1


def _scale(metric: str) -> tuple[tuple[float, str], ...] | None:
    return next((scale for ending, scale in _SCALES.items() if metric.endswith(ending)), None)


def _scaled(number: float, scale: tuple[tuple[float, str], ...]) -> str:
    rounded = float(f"{number:.3g}")
    least = scale[-1] if rounded else (1.0, dict(scale)[1.0])
    factor, unit = next((pair for pair in scale if abs(rounded) >= pair[0]), least)
    return f"{short(rounded / factor, digits=3)} {unit}"


def _prefixed(number: float, unit: str) -> str:
    rounded = float(f"{number:.3g}")
    if abs(rounded) < 1000:
        return f"{rounded:g} {unit}".rstrip()
    factor, prefix = next((pair for pair in _PREFIXES if abs(rounded) >= pair[0]), (1.0, ""))
    return f"{_trim(f'{number / factor:#.3g}')} {prefix}{unit}".rstrip()


def _trim(text: str) -> str:
    mantissa, exponent, power = text.partition("e")
    if exponent:
        return f"{_trim(mantissa)}e{power}"
    return text.rstrip("0").rstrip(".") if "." in text else text
