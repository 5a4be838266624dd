"""Functions run in processes of their own: what they return, raise, or do to themselves."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from trimtab_service.compute import Closed, Compute, DeadlinePassed, WorkerDied

PATIENCE = 60


@pytest.fixture(scope="module")
def compute():
    pool = Compute(workers=1)
    yield pool
    pool.close()


def test_the_result_comes_back_from_another_process(compute):
    assert compute.run(os.getpid, deadline=PATIENCE) != os.getpid()
    assert compute.run(divmod, 7, 2, deadline=PATIENCE) == (3, 1)


def test_one_blas_thread_is_set_whatever_this_process_has_and_its_own_setting_stays(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    pool = Compute()
    try:
        assert pool.run(_threads_before_numpy, deadline=PATIENCE) == ("1", False)
        assert os.environ["OMP_NUM_THREADS"] == "8"
    finally:
        pool.close()


def _threads_before_numpy():
    import sys

    return os.environ["OMP_NUM_THREADS"], "numpy" in sys.modules


def test_what_the_function_raises_is_raised_here_with_the_place_where_it_was(compute):
    with pytest.raises(ZeroDivisionError) as caught:
        compute.run(divmod, 1, 0, deadline=PATIENCE)
    assert "Traceback" in str(caught.value.__cause__)


def test_what_can_not_be_sent_there_is_an_error_and_the_next_function_runs(compute):
    with pytest.raises(Exception, match="pickle"):
        compute.run(abs, lambda: None, deadline=PATIENCE)
    assert compute.run(abs, -1, deadline=PATIENCE) == 1


def test_an_error_that_can_not_be_sent_back_is_an_error_and_the_next_function_runs(compute):
    with pytest.raises(WorkerDied, match="pool of computing processes broke"):
        compute.run(_raise_unsendable, deadline=PATIENCE)
    assert compute.run(abs, -1, deadline=PATIENCE) == 1


class Unsendable(Exception):
    def __init__(self, here, there):
        super().__init__(f"{here} and {there}")


def _raise_unsendable():
    raise Unsendable("here", "there")


def test_a_function_past_its_deadline_is_killed_and_the_next_one_runs(compute):
    with pytest.raises(DeadlinePassed, match=r"no result within 0.3 s"):
        compute.run(time.sleep, 600, deadline=0.3)
    assert compute.run(abs, -1, deadline=PATIENCE) == 1


def test_the_deadline_counts_the_wait_for_a_free_process_and_nothing_is_left_waiting(compute):
    compute.run(abs, -1, deadline=PATIENCE)

    def one(_):
        begun = time.monotonic()
        with pytest.raises(DeadlinePassed):
            compute.run(time.sleep, 600, deadline=1.0)
        return time.monotonic() - begun

    with ThreadPoolExecutor(5) as threads:
        assert max(threads.map(one, range(5))) < 5
    begun = time.monotonic()
    assert compute.run(abs, -1, deadline=PATIENCE) == 1
    assert time.monotonic() - begun < PATIENCE / 2


def test_the_first_start_of_a_process_does_not_count():
    pool = Compute()
    pool.warm(_start_slowly)
    try:
        assert pool.run(abs, -1, deadline=0.5) == 1
    finally:
        pool.close()


def _start_slowly():
    time.sleep(1.5)


def test_what_is_loaded_beforehand_is_there_in_the_process_and_in_the_one_after_it():
    pool = Compute()
    pool.warm(_remember)
    try:
        assert pool.run(os.getenv, "LOADED_BEFOREHAND", deadline=PATIENCE) == "yes"
        with pytest.raises(WorkerDied):
            pool.run(os._exit, 1, deadline=PATIENCE)
        assert pool.run(os.getenv, "LOADED_BEFOREHAND", deadline=PATIENCE) == "yes"
    finally:
        pool.close()


def _remember():
    os.environ["LOADED_BEFOREHAND"] = "yes"


def test_a_pool_whose_processes_can_not_load_still_answers():
    pool = Compute()
    pool.warm(_fail)
    try:
        assert pool.run(abs, -1, deadline=PATIENCE) == 1
    finally:
        pool.close()


def _fail():
    raise ImportError("there is no such library")


def test_processes_that_die_while_they_start_are_told_and_others_are_started_when_they_can(caplog):
    pool = Compute()
    pool.warm(_die)
    try:
        with pytest.raises(WorkerDied):
            pool.run(abs, -1, deadline=PATIENCE)
        pool.warm(_remember)
        assert "a new one is made" in caplog.text
        assert pool.run(os.getenv, "LOADED_BEFOREHAND", deadline=PATIENCE) == "yes"
    finally:
        pool.close()


def _die():
    os._exit(3)


def test_a_process_that_dies_is_told_and_the_next_function_runs(compute):
    with pytest.raises(WorkerDied, match="exit code 7"):
        compute.run(os._exit, 7, deadline=PATIENCE)
    assert compute.run(abs, -1, deadline=PATIENCE) == 1


def test_a_process_that_is_killed_while_idle_is_replaced(compute):
    pid = compute.run(os.getpid, deadline=PATIENCE)
    os.kill(pid, signal.SIGKILL)
    _wait_until_gone(pid)
    assert compute.run(os.getpid, deadline=PATIENCE) != pid


def test_a_pool_made_anew_by_a_thread_that_ends_goes_on_and_keeps_its_deadlines():
    pool = Compute()
    pool.warm(_die)
    try:
        with pytest.raises(WorkerDied):
            pool.run(abs, -1, deadline=PATIENCE)
        pool.warm(_remember)
        with ThreadPoolExecutor(1) as thread:
            pid = thread.submit(pool.run, os.getpid, deadline=PATIENCE).result(PATIENCE)
        time.sleep(1)
        assert pool.run(os.getpid, deadline=PATIENCE) == pid
        begun = time.monotonic()
        with pytest.raises(DeadlinePassed):
            pool.run(time.sleep, 600, deadline=1.0)
        assert time.monotonic() - begun < PATIENCE / 2
    finally:
        pool.close()


def test_a_process_that_is_killed_while_busy_is_told_and_replaced(compute):
    pid = compute.run(os.getpid, deadline=PATIENCE)
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(compute.run, time.sleep, 600, deadline=PATIENCE)
        time.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(WorkerDied, match="exit code -9"):
            run.result(PATIENCE)
    assert compute.run(os.getpid, deadline=PATIENCE) != pid


def test_a_closed_pool_ends_what_runs_and_what_waits_and_takes_nothing_more():
    pool = Compute()
    pid = pool.run(os.getpid, deadline=PATIENCE)
    with ThreadPoolExecutor(3) as threads:
        runs = [threads.submit(pool.run, time.sleep, 600, deadline=PATIENCE) for _ in range(3)]
        time.sleep(0.3)
        begun = time.monotonic()
        pool.close()
        for run in runs:
            with pytest.raises(Closed):
                run.result(PATIENCE)
    assert time.monotonic() - begun < 3
    _wait_until_gone(pid)
    with pytest.raises(Closed):
        pool.run(abs, -1, deadline=PATIENCE)
    pool.close()


def test_a_pool_that_is_closed_while_it_starts_leaves_no_process():
    pool = Compute(workers=2)
    pool.warm(_start_slowly)
    pool.close()
    with pytest.raises(Closed):
        pool.run(abs, -1, deadline=PATIENCE)


def test_several_processes_work_at_once(tmp_path):
    pool = Compute(workers=2)
    try:
        with ThreadPoolExecutor(2) as threads:
            runs = [
                threads.submit(pool.run, _meet, tmp_path / own, tmp_path / other, deadline=PATIENCE)
                for own, other in ("ab", "ba")
            ]
            assert len({run.result(PATIENCE) for run in runs}) == 2
    finally:
        pool.close()


def _meet(own, other):
    own.touch()
    while not other.exists():
        time.sleep(0.02)
    return os.getpid()


def _wait_until_gone(pid):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} is still there")
