"""What the server says of a model before it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trimtab import wire


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a model keeps the limits, as far as its values decide: true when it does. broken: those that it breaks.

    values: those that were judged.
    """

    ok: bool
    broken: tuple[str, ...]
    values: Mapping[str, float]

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        if self.ok:
            return "within the limits, as far as they are known"
        told = ", ".join(f"{metric} {value:.6g}" for metric, value in self.values.items() if self._matters(metric))
        return f"over the limit: {'; '.join(self.broken)}" + (f" (got {told})" if told else "")

    def _matters(self, metric: str) -> bool:
        return any(metric in limit for limit in self.broken)


def verdict(answer: Mapping[str, Any], told: Mapping[str, Any]) -> Verdict:
    """The verdict of the server's answer on these values."""
    values = {metric: wire.plain(one) for metric, one in told.items()}
    return Verdict(bool(answer["ok"]), tuple(answer.get("broken") or ()), values)
