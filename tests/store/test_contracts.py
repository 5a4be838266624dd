"""Of each metric key the first contract stays, whoever else tells one at the same time."""

from __future__ import annotations

from tests.builders import a_study
from tests.store.racing import race


def test_the_first_contract_of_each_key_stays(store):
    study, other = a_study(store), a_study(store)
    pi = 'latency_ms["pi-zero"]'
    with store.begin() as tx:
        assert tx.first_contracts(study) == {}
        tx.keep_contracts(study, {"latency_ms": {"device": "laptop", "threads": 1}})
        tx.keep_contracts(study, {"latency_ms": {"threads": 4}, pi: {"threads": 2}, "macs": {"counter": "own"}})
        tx.keep_contracts(other, {"macs": {"counter": "fvcore"}})
        tx.keep_contracts(study, {})
    with store.read() as tx:
        assert tx.first_contracts(study) == {
            "latency_ms": {"device": "laptop", "threads": 1},
            pi: {"threads": 2},
            "macs": {"counter": "own"},
        }
        assert tx.first_contracts(other) == {"macs": {"counter": "fvcore"}}


def test_of_contracts_told_at_once_everybody_sees_the_same_first_one(store):
    study = a_study(store)
    keys = ["macs", "flops", "latency_ms"]

    def keep(place: int) -> dict:
        with store.begin() as tx:
            told = keys if place % 2 else keys[::-1]
            tx.keep_contracts(study, {key: {"counter": str(place)} for key in told})
            return tx.first_contracts(study)

    seen = race(8, keep)
    assert seen == [seen[0]] * 8
    assert seen[0].keys() == set(keys)
