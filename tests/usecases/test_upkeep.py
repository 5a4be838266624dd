"""Old answers are swept, young ones stay."""

from __future__ import annotations

import threading

from trimtab_service.usecases import upkeep


def test_a_sweep_leaves_what_a_retry_may_still_ask_for(rooms, caller):
    with rooms.store.begin() as tx:
        tx.save_answer(caller.key_row_id, "k", "f", 200, {"a": 1})
    assert upkeep.sweep(rooms) == 0
    with rooms.store.read() as tx:
        assert tx.find_answer(caller.key_row_id, "k") is not None
        assert tx.find_answer(caller.key_row_id, "other") is None


def test_upkeep_ends_when_it_is_told_to(rooms):
    before = threading.active_count()
    end = upkeep.keep_up(rooms, every=3600)
    end()
    assert threading.active_count() == before
