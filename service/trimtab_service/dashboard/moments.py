"""Times as people say them: "3 minutes ago", with the exact moment beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

_SPANS = ((86_400 * 365, "year"), (86_400 * 30, "month"), (86_400, "day"), (3_600, "hour"), (60, "minute"))


@dataclass(frozen=True, slots=True)
class Moment:
    """text: how long ago. exact: to the second, in UTC. machine: ISO 8601."""

    text: str
    exact: str
    machine: str


def moment(when: datetime | None, now: datetime) -> Moment | None:
    """A moment as seen from now; None for none."""
    if when is None:
        return None
    at = when.astimezone(UTC)
    return Moment(ago(when, now), f"{at:%Y-%m-%d %H:%M:%S} UTC", at.isoformat(timespec="seconds"))


def ago(when: datetime, now: datetime) -> str:
    """ "just now", "3 minutes ago", "2 days ago"."""
    seconds = (now - when).total_seconds()
    for length, name in _SPANS:
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"


def lasted(start: datetime | None, end: datetime | None) -> str:
    """How long from start to end: "0.4 s", "12 s", "3 min 5 s", "2 h 10 min"; empty without both."""
    if start is None or end is None:
        return ""
    seconds = max((end - start).total_seconds(), 0.0)
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3_600} h {whole % 3_600 // 60} min"
