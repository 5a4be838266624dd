"""Holds the threads of numeric libraries at a number for a while, and says which library followed."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any


@contextlib.contextmanager
def pinned(threads: int, loaded: Mapping[str, Any] | None = None) -> Iterator[dict[str, int]]:
    """Inside, the BLAS and OpenMP pools that threadpoolctl finds, and torch, compute with so many threads.

    Yields library -> its threads, read back from the library and not taken on trust; empty where nothing could be
    pinned. Afterwards every library has as many threads as before. What a library starts by itself, such as joblib's
    workers or a session of onnxruntime, is out of reach.

    loaded: modules by name, in place of those of this process. torch is never imported, threadpoolctl is.
    """
    if loaded is None:
        with contextlib.suppress(ImportError):
            importlib.import_module("threadpoolctl")  # brought by scikit-learn; it needs the standard library only
        loaded = sys.modules
    controller, torch = loaded.get("threadpoolctl"), loaded.get("torch")
    with contextlib.ExitStack() as restored:
        if controller:  # the outer one: torch and OpenMP share a pool, and what it was is known here
            restored.enter_context(controller.threadpool_limits(limits=threads))
        if torch:
            restored.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(threads)
        pools: dict[str, int] = {}
        for pool in controller.threadpool_info() if controller else ():
            name = pool["internal_api"]
            pools[name] = max(pool["num_threads"], pools.get(name, 0))  # numpy and scipy bring an OpenBLAS each
        if torch:
            pools["torch"] = torch.get_num_threads()
        yield pools
