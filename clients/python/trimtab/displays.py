"""Where the line of a run is shown: a bar of rich or of tqdm, or log lines.

A bar where one is installed and stderr is a terminal; else one log line for each piece of news.
TRIMTAB_PROGRESS: 0 for none, plain for log lines, rich for a bar in any case.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from collections.abc import Callable
from typing import Any, Protocol

log = logging.getLogger("trimtab")


class Display(Protocol):
    """Where the line of a run is shown."""

    def show(self, text: str, news: str, *, advance: int) -> None:
        """The line is now this text, since this has happened: so many steps nearer to the end."""

    def close(self) -> None:
        """The run is over."""


def display(wanted: bool | None) -> Callable[[str, int | None], Display] | None:
    """What shows the line of a run with this title and total; None when nobody would see it."""
    setting = os.environ.get("TRIMTAB_PROGRESS", "")
    if wanted is False or (wanted is None and setting == "0"):
        return None
    bar = wanted or setting == "rich" or (setting != "plain" and sys.stderr is not None and sys.stderr.isatty())
    if bar and importlib.util.find_spec("rich") is not None:
        return RichBar
    if bar and importlib.util.find_spec("tqdm") is not None:
        return TqdmBar
    return LogLines if log.isEnabledFor(logging.INFO) else None


class LogLines:
    """One INFO line for each piece of news."""

    def __init__(self, title: str, total: int | None) -> None:
        self._title = title

    def show(self, text: str, news: str, *, advance: int) -> None:
        """Log it."""
        log.info("%s: %s | %s", self._title, news, text)

    def close(self) -> None:
        """Nothing is open."""


class RichBar:
    """A bar of rich, on stderr."""

    def __init__(self, title: str, total: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns: list[Any] = [TextColumn("trimtab {task.fields[title]}", markup=False), BarColumn(bar_width=24)]
        columns += [TextColumn("{task.description}", markup=False), TimeRemainingColumn()]
        self._bar = Bar(*columns, console=Console(stderr=True))
        self._bar.start()
        self._task = self._bar.add_task("", total=total, title=title)

    def show(self, text: str, news: str, *, advance: int) -> None:
        """Move on."""
        self._bar.update(self._task, advance=advance, description=text)

    def close(self) -> None:
        """Leave the last state standing."""
        self._bar.stop()


class TqdmBar:
    """A bar of tqdm, on stderr."""

    def __init__(self, title: str, total: int | None) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, desc=f"trimtab {title}")

    def show(self, text: str, news: str, *, advance: int) -> None:
        """Move on."""
        self._bar.set_postfix_str(text.partition(" · ")[2], refresh=False)
        self._bar.update(advance)

    def close(self) -> None:
        """Leave the last state standing."""
        self._bar.close()
