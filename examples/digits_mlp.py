"""The model that the demo tunes: a perceptron that reads handwritten digits. Runs in the worker processes.

numpy and scikit-learn are imported where they are used: the process that only asks and tells needs neither.
"""

from __future__ import annotations

import functools
import os
import signal
import threading
import warnings
from multiprocessing import parent_process
from typing import Any

import trimtab
from trimtab import Categorical, Float, Int, Objective

SPACE = {
    "layers": Int(1, 3),
    "width_1": Int(4, 256, log=True),
    "width_2": Int(4, 256, log=True, when={"layers": [2, 3]}),
    "width_3": Int(4, 256, log=True, when={"layers": [3]}),
    "activation": Categorical(["relu", "tanh"]),
    "learning_rate": Float(1e-5, 1.0, log=True),
    "alpha": Float(1e-7, 10.0, log=True),
}
GRID_POINTS = {"layers": 3, "width_1": 4, "width_2": 3, "width_3": 3, "learning_rate": 6, "alpha": 3}
"""The grid takes every depth and activation, each decade of the learning rate, and three or four of the rest."""
OBJECTIVES = {
    "accuracy": Objective("maximize", reference=0.5),
    "size_bytes": Objective("minimize", log=True, reference=1e6),
}
EPOCHS = 30
HELD_SHARE = 0.4


@functools.cache
def digits() -> tuple[Any, Any, Any, Any]:
    """Images for training (1078, 64) and for the score (719, 64), brightness in [0, 1], and the digits on them."""
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    return tuple(train_test_split(images, labels, test_size=HELD_SHARE, random_state=0, stratify=labels))


def train(params: dict[str, Any], seed: int, number: int) -> tuple[float, trimtab.costs.Cost]:
    """Train one model. Returns its accuracy on the held-out images, and what it costs. seed, number: of the trial.

    Raises FloatingPointError when the weights run away.
    """
    import numpy as np
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    images, held, labels, held_labels = digits()
    model = MLPClassifier(
        hidden_layer_sizes=[params[f"width_{layer}"] for layer in range(1, params["layers"] + 1)],
        activation=params["activation"],
        learning_rate_init=params["learning_rate"],
        alpha=params["alpha"],
        batch_size=64,
        max_iter=EPOCHS,
        random_state=int(np.random.default_rng([seed, number]).integers(2**31)),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is fixed on purpose
        try:
            model.fit(images, labels)
        except ValueError as error:  # "Solver produced non-finite parameter weights"
            raise FloatingPointError(str(error)) from error
    return float(model.score(held, held_labels)), trimtab.measure(model, held[:1])


def start_worker() -> None:
    """Make a worker process ready: one core, digits loaded, Ctrl-C left to the parent, and an end when that ends."""
    for library in ("OPENBLAS", "OMP", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"  # numpy reads it when it is first imported
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    digits()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
