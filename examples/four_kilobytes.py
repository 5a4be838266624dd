"""Finds a net for handwritten digits that fits in four kilobytes: 4,096 bytes on disk, 95 % of a test set right.

The width of the net, the share of its weights that are pruned and the bits of the others are hyperparameters like the
learning rate. Each trial trains, prunes, trains what is left, shares values, and tells what it really came to: the
bytes of the file, and the accuracy of the net that is read back from it.

    python examples/four_kilobytes.py [--trials 30] [--seed 0] [--out demo-out]
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import trimtab
from trimtab import Float, Int, Objective, Trial

LIMIT = 4_096
WANTED = 0.95
EPOCHS, AGAIN = 30, 8
SPACE = {
    "width": Int(8, 128, log=True),
    "learning_rate": Float(1e-3, 3e-2, log=True),
    "alpha": Float(1e-6, 1e-1, log=True),
    "prune": Float(0.0, 0.95),
    "bits": Int(2, 8),
}
OBJECTIVES = {
    "accuracy": Objective("maximize", reference=0.5),
    "size_bytes": Objective("minimize", log=True, reference=20_000),
}


class Digits:
    """scikit-learn's 1,797 digits, brightness in [0, 1]: for training, to choose by, and a test set for the end."""

    def __init__(self) -> None:
        images, labels = load_digits(return_X_y=True)
        images = (images / 16).astype(np.float32)
        rest, self.test, labels, self.test_labels = train_test_split(
            images, labels, test_size=0.25, random_state=0, stratify=labels
        )
        self.train, self.held, self.labels, self.held_labels = train_test_split(
            rest, labels, test_size=0.25, random_state=0, stratify=labels
        )


def train(trial: Trial, digits: Digits, seed: int, file: Path) -> dict[str, float]:
    """Train and compress one net; its file is kept. What is told is of the net as it is read back."""
    model = MLPClassifier(
        hidden_layer_sizes=(trial["width"],),
        learning_rate_init=trial["learning_rate"],
        alpha=trial["alpha"],
        batch_size=32,
        max_iter=EPOCHS,
        random_state=int(np.random.default_rng([seed, trial.number]).integers(2**31)),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is fixed on purpose
        model.fit(digits.train, digits.labels)

    def train_again(weights: dict[str, Any], stage: str) -> dict[str, Any]:
        kept = [weights[name] != 0 for name in ("coefs_0", "coefs_1")]
        put(model, weights)
        for _ in range(AGAIN):
            model.partial_fit(digits.train, digits.labels)
            model.coefs_ = [array * mask for array, mask in zip(model.coefs_, kept, strict=True)]
        return dict(zip(weights, [*model.coefs_, *model.intercepts_], strict=True))

    report = trimtab.compress(model, prune=trial["prune"], bits=trial["bits"], retrain=train_again)
    report.save(file)
    trial.log(report)  # size_bytes: of the file
    return {"accuracy": accuracy(file, digits.held, digits.held_labels)}


def put(model: MLPClassifier, weights: dict[str, Any]) -> None:
    model.coefs_ = [weights["coefs_0"].copy(), weights["coefs_1"].copy()]
    model.intercepts_ = [weights["intercepts_0"].copy(), weights["intercepts_1"].copy()]


def accuracy(file: Path, images: Any, labels: Any) -> float:
    """The share that the net in the file gets right. Nothing but the file is needed to run it."""
    weights = trimtab.compression.load(file)
    hidden = np.maximum(images @ weights["coefs_0"] + weights["intercepts_0"], 0)
    return float(np.mean(np.argmax(hidden @ weights["coefs_1"] + weights["intercepts_1"], axis=1) == labels))


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("demo-out"))
    options = parser.parse_args(words)
    nets = options.out.resolve() / "four_kilobytes"
    nets.mkdir(parents=True, exist_ok=True)
    digits = Digits()
    with trimtab.Client.local(options.out.resolve() / "trimtab.db") as client:
        study = fresh_study(client, options.seed, options.trials)
        study.optimize(lambda trial: train(trial, digits, options.seed, nets / f"trial-{trial.number}.trim"))
        small = list(study.trials(state="complete", where=f"size_bytes <= {LIMIT}", order="-accuracy"))
    if not small:
        print(f"None of {options.trials} trials fits into {LIMIT:,} bytes; try more of them.")
        return 1
    best = small[0]
    file = nets / f"trial-{best.number}.trim"
    size, right = file.stat().st_size, accuracy(file, digits.test, digits.test_labels)
    print(f"Trial {best.number}: {best.params}")
    print(f"{file}: {size:,} bytes, {right:.1%} of {len(digits.test_labels)} test digits right.")
    return 0 if size <= LIMIT and right >= WANTED else 1


def fresh_study(client: trimtab.Client, seed: int, trials: int) -> trimtab.Study:
    """A new study; one of an earlier run with the same seed is deleted first."""
    name = f"four-kilobytes-s{seed}"
    with contextlib.suppress(trimtab.StudyNotFound):
        client.study(name).delete()
    return client.create_study(name, space=SPACE, objectives=OBJECTIVES, max_trials=trials, seed=seed)


if __name__ == "__main__":
    sys.exit(main())
