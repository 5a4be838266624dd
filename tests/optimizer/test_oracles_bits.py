"""The same bits wherever the optimizer runs: here, and in computing processes, which have one BLAS thread each."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl

from tests.optimizer.spaces import NETWORK, a_problem, open_trial, told
from trimtab_service.compute import Compute
from trimtab_service.domain.study import Problem
from trimtab_service.domain.trial import History
from trimtab_service.optimizer import surrogate
from trimtab_service.optimizer.priors import Prior
from trimtab_service.optimizer.suggest import load, suggest

PATIENCE = 120
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def compute() -> Iterator[Compute]:
    pool = Compute()
    pool.warm(load)
    yield pool
    pool.close()


def threads() -> list[int]:
    """Of each BLAS that NumPy and SciPy brought into this process."""
    import scipy.linalg  # noqa: F401

    return [library["num_threads"] for library in threadpoolctl.threadpool_info() if library["user_api"] == "blas"]


def bits_of_a_fit() -> str:
    """Large enough that a BLAS with more threads would share the work, and add up in another order."""
    rng = np.random.default_rng(0)
    X = rng.random((200, 6))
    z = np.sin(5 * X[:, 0]) + X[:, 1] + 0.1 * rng.standard_normal(200)
    fitted = surrogate.fit(surrogate.rows(X, z, np.zeros(200)), np.arange(6), Prior.of_numbers(6)).surrogate
    predicted = fitted.predict_with_gradient(rng.random((50, 6)))
    parts = (fitted.theta, fitted.alpha, fitted.L_inverse, *predicted)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def a_study(objectives: int) -> tuple[Problem, History]:
    """40 told trials, 3 of them with variances, and 2 open ones."""
    names = ["loss", "size"][:objectives]
    problem = a_problem(NETWORK, objectives=dict.fromkeys(names, "minimize"))
    rng = np.random.default_rng(1)
    params = [one.params for one in suggest(a_problem(NETWORK, algorithm="random"), (), {}, range(42)).items]
    spread = (0.01,) * objectives
    history = [
        told(number, one, *rng.standard_normal(objectives), variances=spread if number < 3 else ())
        for number, one in enumerate(params[:40])
    ]
    return problem, (*history, open_trial(40, params[40]), open_trial(41, params[41]))


def test_every_blas_of_a_computing_process_has_one_thread(compute: Compute, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(threads()) == set(compute.run(threads, deadline=PATIENCE)) == {1}
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    pool = Compute()
    try:
        assert set(pool.run(threads, deadline=PATIENCE)) == {1}
    finally:
        pool.close()


def test_a_fit_has_the_same_bits_here_and_in_a_computing_process(compute: Compute) -> None:
    assert compute.run(bits_of_a_fit, deadline=PATIENCE) == bits_of_a_fit()


@pytest.mark.parametrize("objectives", [1, 2])
def test_proposals_and_states_have_the_same_bits_here_and_in_a_computing_process(
    compute: Compute, objectives: int
) -> None:
    problem, history = a_study(objectives)
    here = suggest(problem, history, {}, [42, 43])
    there = compute.run(suggest, problem, history, {}, [42, 43], deadline=PATIENCE)
    assert len(here.items) == 2
    assert here.surrogates.keys() == {objective.metric for objective in problem.objectives}
    assert repr(there) == repr(here)  # a float's repr tells all of its bits


COMMAND = """
from trimtab_service.cli import main  # as the installed command does; a computing process begins with the same

if __name__ == "__main__":
    from tests.optimizer.test_oracles_bits import PATIENCE, bits_of_a_fit, threads
    from trimtab_service.compute import Compute

    pool = Compute()
    print(max(pool.run(threads, deadline=PATIENCE)), pool.run(bits_of_a_fit, deadline=PATIENCE))
    pool.close()
"""


def test_a_server_that_may_use_more_threads_computes_the_same_bits(tmp_path: Path) -> None:
    """Fits with two BLAS threads differ in their last bits; those of the server's computing processes don't."""
    command = tmp_path / "command.py"
    command.write_text(COMMAND)
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, command], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert ended.stdout.split() == ["1", bits_of_a_fit()]
