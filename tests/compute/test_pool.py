"""Functions run in processes of their own: what they return, raise, or do to themselves."""

import os
import time

import pytest

from trimtab_service.compute import Compute, DeadlinePassed, WorkerDied


@pytest.fixture(scope="module")
def compute():
    pool = Compute(workers=1)
    yield pool
    pool.close()


def test_the_result_comes_back_from_another_process(compute):
    assert compute.run(os.getpid, deadline=60) != os.getpid()
    assert compute.run(divmod, 7, 2, deadline=60) == (3, 1)


def test_one_blas_thread_is_set_before_numpy_is_imported(compute):
    assert compute.run(os.getenv, "OPENBLAS_NUM_THREADS", deadline=60) == "1"


def test_what_the_function_raises_is_raised_here(compute):
    with pytest.raises(ZeroDivisionError):
        compute.run(divmod, 1, 0, deadline=60)


def test_a_function_past_its_deadline_is_killed_and_the_next_one_runs(compute):
    with pytest.raises(DeadlinePassed, match=r"no result within 0.3 s"):
        compute.run(time.sleep, 600, deadline=0.3)
    assert compute.run(abs, -1, deadline=60) == 1


def test_what_is_loaded_beforehand_is_there_in_the_process(compute):
    compute.warm(_remember)
    assert compute.run(os.getenv, "LOADED_BEFOREHAND", deadline=60) == "yes"


def _remember():
    os.environ["LOADED_BEFOREHAND"] = "yes"


def test_a_process_that_dies_is_told_and_the_next_function_runs(compute):
    with pytest.raises(WorkerDied, match="exit code 7"):
        compute.run(os._exit, 7, deadline=60)
    assert compute.run(abs, -1, deadline=60) == 1
