"""What tells that a study changed, and which trials had finished when another was added."""

from __future__ import annotations

from sqlalchemy import text

from tests.builders import a_study, a_trial
from trimtab_service.domain.trial import TrialState
from trimtab_service.store import Store


def test_every_move_of_a_trial_is_another_change_and_of_this_study_only(store: Store) -> None:
    study, other = a_study(store), a_study(store)
    seen = []

    def look() -> None:
        with store.read() as tx:
            seen.append(tx.last_change(study))

    look()
    a_trial(store, study)
    look()
    a_trial(store, study, state=TrialState.COMPLETE)
    look()
    with store.begin() as tx:
        tx.claim(study, "w", 1, 60.0)  # nothing waits
    look()
    a_trial(store, other)
    look()
    assert seen[0] == (0, 0)
    assert seen[0] < seen[1] < seen[2] == seen[3] == seen[4]


def test_what_had_finished_before_a_trial_is_told_by_the_databases_clock(store: Store) -> None:
    study = a_study(store)
    first, running = a_trial(store, study, state=TrialState.COMPLETE), a_trial(store, study)
    failed = a_trial(store, study, state=TrialState.FAILED)
    with store.begin() as tx:  # as if it had been added a second later, and what follows two
        for number, seconds in ((3, 1), (4, 2)):
            later = a_trial(tx, study)
            assert later.number == number
            moved = (
                f"strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+{seconds} seconds')"
                if tx.connection.dialect.name == "sqlite"
                else f"now() + interval '{seconds} seconds'"
            )
            tx.connection.execute(
                text(f"UPDATE trials SET created_at = {moved} WHERE study_id = :study AND number = :number"),
                {"study": study.id, "number": number},
            )
    with store.read() as tx:
        assert tx.finished_before(study, 3) == {first.number, failed.number}
        assert tx.finished_before(study, running.number) <= {first.number}
        assert tx.finished_before(study, 99) == frozenset()
