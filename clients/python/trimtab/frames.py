"""Trials as a pandas frame. Imports pandas only when one is made."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from trimtab.errors import NotInstalled

if TYPE_CHECKING:
    import pandas as pd

    from trimtab.trial import Trial


def of_trials(trials: Iterable[Trial]) -> pd.DataFrame:
    """One row per trial, by number. Raises NotInstalled without pandas."""
    try:
        import pandas as pd
    except ImportError as error:
        raise NotInstalled("to_dataframe needs pandas: pip install pandas") from error
    rows = [_row(trial) for trial in trials]
    frame = pd.DataFrame(rows, columns=list(dict.fromkeys(name for row in rows for name in row)))
    return frame.set_index("number") if rows else frame


def _row(trial: Trial) -> dict[str, Any]:
    """A trial as a flat row. Its times are datetimes with a time zone."""
    record = trial.record
    times = {
        name: datetime.fromisoformat(record[name]) if record.get(name) else None
        for name in ("created_at", "started_at", "finished_at")
    }
    return {
        "number": trial.number,
        "state": trial.state,
        **{f"params_{name}": value for name, value in trial.params.items()},
        **{f"values_{metric}": value for metric, value in trial.values.items()},
        **{f"stderrs_{metric}": value for metric, value in trial.stderrs.items()},
        "failure": trial.failure["kind"] if trial.failure else None,
        "source": trial.source,
        "worker": trial.worker,
        **times,
    }
