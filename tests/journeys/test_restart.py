"""The surrogate lives in SQL: after a restart, or after kill -9, the next proposal is the same, bit for bit."""

from __future__ import annotations

import shutil

import trimtab
from tests.servers import Server

SPACE = {
    "lr": trimtab.Float(1e-4, 1.0, log=True),
    "width": trimtab.Int(4, 64, log=True),
    "block": trimtab.Categorical(["plain", "separable"]),
}
TRIALS = 9


def score(params) -> dict[str, float]:
    return {
        "loss": (params["lr"] - 0.05) ** 2 + abs(params["width"] - 20) / 50 + (params["block"] == "plain") * 0.1,
        "size_bytes": 100 + 8 * params["width"],
    }


def tell_some(study) -> list[dict]:
    asked = []
    for _ in range(TRIALS):
        trial = study.ask()
        asked.append(trial.params)
        trial.tell(score(trial.params))
    return asked


def a_study(client):
    return client.create_study(
        "restart", space=SPACE, objectives={"loss": "minimize", "size_bytes": "minimize"}, seed=3, exist_ok=True
    )


def next_two(server) -> list[dict]:
    with trimtab.Client(server.url, key=server.key) as client:
        return [trial.params for trial in client.study("restart").ask(count=2)]


def test_the_next_proposal_is_the_same_after_a_restart_and_after_kill_9(tmp_path):
    database = tmp_path / "trimtab.db"
    server = Server(f"sqlite:///{database}", tmp_path / "server.log")
    server.start()
    with trimtab.Client(server.url, key=server.key) as client:
        asked = tell_some(a_study(client))
    server.kill()
    for suffix in ("", "-wal"):  # the write-ahead log is a part of the database
        if (tmp_path / f"trimtab.db{suffix}").exists():
            shutil.copy(tmp_path / f"trimtab.db{suffix}", tmp_path / f"copy.db{suffix}")

    with server:
        after_kill = next_two(server)

    copy = Server(f"sqlite:///{tmp_path / 'copy.db'}", tmp_path / "copy.log")
    copy.start()
    assert copy.stop() == 0
    with copy:
        after_restart = next_two(copy)
    assert after_restart == after_kill

    fresh = Server(f"sqlite:///{tmp_path / 'fresh.db'}", tmp_path / "fresh.log")
    with fresh:
        with trimtab.Client(fresh.url, key=fresh.key) as client:
            assert tell_some(a_study(client)) == asked
        without_restart = next_two(fresh)
    assert without_restart == after_kill
    assert all(params not in asked for params in after_kill)
