"""The state strip: how many trials are in each state, and how much of the budget is left, as one narrow bar."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from trimtab_service.dashboard.figures.svg import picture, tag
from trimtab_service.domain.trial import TrialState

ORDER = (
    TrialState.COMPLETE,
    TrialState.STOPPED,
    TrialState.INFEASIBLE,
    TrialState.FAILED,
    TrialState.RUNNING,
    TrialState.WAITING,
)
_WIDTH, _HEIGHT = 200.0, 8.0
_LEAST = 3.0
"""The narrowest segment, so that one failure among thousands is still seen."""


def strip(counts: Mapping[TrialState, int], left: int) -> Markup:
    """The bar. left: how many more trials the budget allows; 0 without a budget."""
    present = [(state, counts[state]) for state in ORDER if counts.get(state)]
    total = sum(count for _, count in present) + left
    says = ", ".join(f"{count:,} {state.value}" for state, count in present) or "no trials yet"
    if left:
        says += f", {left:,} left in the budget"
    segments = [tag("rect", class_="left", x=0, y=0, width=_WIDTH, height=_HEIGHT)]
    start, room = 0.0, _WIDTH - _LEAST * len(present)
    for state, count in present:
        width = _LEAST + room * count / total
        segments.append(
            tag(
                "rect",
                tag("title", f"{count:,} {state.value}"),
                class_=f"is-{state.value}",
                x=start,
                y=0,
                width=width,
                height=_HEIGHT,
            )
        )
        start += width
    return picture(*segments, width=_WIDTH, height=_HEIGHT, says=says, class_="strip", preserveAspectRatio="none")
