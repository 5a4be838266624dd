"""The coverage of predictions, on a few of the tables' rows."""

from __future__ import annotations

import numpy as np

from benchmarks import predicted


def test_a_time_says_of_each_held_back_value_whether_its_interval_holds_it() -> None:
    found = predicted.inside("mlp_vehicle", 0)
    assert {name: len(one) for name, one in found.items()} == {
        "rows": 2 * predicted.TOLD,
        "val_acc": 5,
        "train_s": 5,
        "limit": 1,
    }
    assert 0.5 < np.mean(found["rows"]) < 1.0
    assert predicted.inside("mlp_vehicle", 0) == found
