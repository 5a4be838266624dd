"""The optimizers whose latency is compared, each behind the same two calls, and the process that runs one of them.

Points are rows of the unit cube, shape (d,); losses are to be minimised. An optimizer is made with a past X (n, d),
y (n,); its `ask` gives the next point and `tell` takes that point's loss. What a library needs is imported when its
optimizer is used, so that this file runs in the environment of any of them.

The process: `python -m benchmarks.peers NAME --d 6 --n 100` writes a JSON line when it is ready, and one for each
line that it reads: the seconds of one ask by the wall and of the processor, and the most memory (MB) ever held. After
each it tells the loss of the point, so the next ask has one more trial to learn from.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import logging
import math
import os
import resource
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NOISE = 0.1
"""Standard deviation of the noise of a loss."""
LOCAL = 0.1
"""How far from the minimum half of the past lies, per coordinate: a study that has run for long gathers there."""


# --- What is minimised ----------------------------------------------------------------------------------------------


def minimizer(d: int) -> Floats:
    """Where the loss is lowest: off the centre, another place in each coordinate. -> (d,)"""
    return np.asarray(0.25 + 0.5 * (np.arange(d) * 0.618 % 1.0), dtype=float)


def loss(x: Floats) -> float:
    """Lévy's function (Surjanovic and Bingham), a cube's side being 10 long and its minimum moved to `minimizer`."""
    w = 1.0 + 10.0 * (x - minimizer(len(x))) / 4.0
    inner, last = w[:-1], w[-1]
    bumps = (inner - 1.0) ** 2 * (1.0 + 10.0 * np.sin(math.pi * inner + 1.0) ** 2)
    edge = (last - 1.0) ** 2 * (1.0 + np.sin(2.0 * math.pi * last) ** 2)
    return float(np.sin(math.pi * w[0]) ** 2 + bumps.sum() + edge)


def past(d: int, n: int, seed: int) -> tuple[Floats, Floats]:
    """A study's n first trials, the same for all optimizers: half anywhere, half near the minimum. -> (n, d), (n,)"""
    rng = np.random.default_rng([seed, d, n])
    near = rng.random(n) < 0.5
    local = np.clip(minimizer(d) + LOCAL * rng.standard_normal((n, d)), 0.0, 1.0)
    X = np.where(near[:, None], local, rng.random((n, d)))
    y = np.array([loss(x) for x in X]) + NOISE * rng.standard_normal(n)
    return X, y


# --- The optimizers -------------------------------------------------------------------------------------------------


class Optimizer(Protocol):
    """One implementation with a study's past."""

    def ask(self) -> Floats:
        """The next point, from a model fitted to all that is known. -> (d,)"""

    def tell(self, x: Floats, y: float) -> None:
        """The loss of a point that was asked for."""


class Trimtab:
    """Our engine as a study calls it: with the surrogates of its former answer, and a trial more each time."""

    def __init__(self, X: Floats, y: Floats, seed: int) -> None:
        from trimtab_service.domain.study import Problem

        self.names = [f"x{place}" for place in range(X.shape[1])]
        space = {name: {"type": "float", "low": 0.0, "high": 1.0} for name in self.names}
        self.problem = Problem.from_spec({"space": space, "objectives": {"loss": "minimize"}, "seed": seed})
        self.history: tuple[Any, ...] = ()
        self.surrogates: dict[str, dict[str, Any]] = {}
        for x, value in zip(X, y, strict=True):
            self.tell(x, value)

    def ask(self) -> Floats:
        """The engine's one proposal. -> (d,)"""
        from trimtab_service.optimizer.suggest import suggest

        proposals = suggest(self.problem, self.history, self.surrogates, [len(self.history)])
        self.surrogates = proposals.surrogates or self.surrogates
        params = proposals.items[0].params
        return np.array([params[name] for name in self.names])

    def tell(self, x: Floats, y: float) -> None:
        """A trial more in the history."""
        from trimtab_service.domain.trial import Observation, TrialState

        params = dict(zip(self.names, x.tolist(), strict=True))
        told = Observation(len(self.history), TrialState.COMPLETE, params, (float(y),), (0.0,))
        self.history = (*self.history, told)


class Sklearn:
    """scikit-learn's GaussianProcessRegressor with what a first try would use.

    Matérn-5/2 with a length scale per coordinate, a scale and white noise; fitted anew by its default optimizer; the
    best expected improvement of 2,048 points drawn at random.
    """

    CANDIDATES = 2_048

    def __init__(self, X: Floats, y: Floats, seed: int) -> None:
        self.X, self.y = X, y
        self.rng = np.random.default_rng([seed, 1])

    def ask(self) -> Floats:
        """The candidate with the highest expected improvement. -> (d,)"""
        from scipy.stats import norm
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

        d = self.X.shape[1]
        kernel = ConstantKernel() * Matern(np.full(d, 0.5), nu=2.5) + WhiteKernel(1e-3)
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # a bound is as good an end
            model = GaussianProcessRegressor(kernel, normalize_y=True).fit(self.X, self.y)
        candidates = self.rng.random((self.CANDIDATES, d))
        mean, sd = model.predict(candidates, return_std=True)
        sd = np.maximum(sd, 1e-12)  # round-off can make it 0
        u = (self.y.min() - mean) / sd
        best: Floats = candidates[np.argmax(sd * (u * norm.cdf(u) + norm.pdf(u)))]
        return best

    def tell(self, x: Floats, y: float) -> None:
        """A row more."""
        self.X, self.y = np.vstack([self.X, x]), np.append(self.y, y)


class Optuna:
    """Optuna's GPSampler in a study in memory, with greenlet, by which it climbs from all its starts at once."""

    def __init__(self, X: Floats, y: Floats, seed: int) -> None:
        import optuna

        _one_torch_thread()
        logging.getLogger("optuna").addFilter(_refuse_prior)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.space = {f"x{place}": optuna.distributions.FloatDistribution(0.0, 1.0) for place in range(X.shape[1])}
        self.study = optuna.create_study(sampler=optuna.samplers.GPSampler(seed=seed))
        self.study.add_trials(
            optuna.trial.create_trial(
                params=dict(zip(self.space, x.tolist(), strict=True)), distributions=self.space, value=float(value)
            )
            for x, value in zip(X, y, strict=True)
        )

    def ask(self) -> Floats:
        """What the sampler suggests for a new trial. -> (d,)"""
        self.trial = self.study.ask(self.space)
        return np.array([self.trial.params[name] for name in self.space])

    def tell(self, x: Floats, y: float) -> None:
        """The end of that trial."""
        self.study.tell(self.trial, y)


class OptunaAlone(Optuna):
    """The same without greenlet, which installing Optuna doesn't bring: it climbs from one start after the other."""

    def __init__(self, X: Floats, y: Floats, seed: int) -> None:
        sys.modules["greenlet"] = None  # type: ignore[assignment]  # so that importing it fails
        super().__init__(X, y, seed)


class Botorch:
    """BoTorch by its own first example: SingleTaskGP, LogExpectedImprovement, 5 restarts from 20 raw samples."""

    def __init__(self, X: Floats, y: Floats, seed: int) -> None:
        import torch

        _one_torch_thread()
        torch.manual_seed(seed)
        self.X, self.y = torch.from_numpy(X), torch.from_numpy(-y)[:, None]

    def ask(self) -> Floats:
        """Where the acquisition is highest. -> (d,)"""
        import torch
        from botorch.acquisition import LogExpectedImprovement
        from botorch.fit import fit_gpytorch_mll
        from botorch.models import SingleTaskGP
        from botorch.optim import optimize_acqf
        from gpytorch.mlls import ExactMarginalLogLikelihood

        d = self.X.shape[1]
        model = SingleTaskGP(self.X, self.y)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        acquisition = LogExpectedImprovement(model, best_f=self.y.max())
        bounds = torch.stack([torch.zeros(d), torch.ones(d)]).to(self.X)
        found, _ = optimize_acqf(acquisition, bounds, q=1, num_restarts=5, raw_samples=20)
        return np.asarray(found[0])

    def tell(self, x: Floats, y: float) -> None:
        """A row more."""
        import torch

        self.X = torch.cat([self.X, torch.from_numpy(x)[None]])
        self.y = torch.cat([self.y, torch.tensor([[-y]]).to(self.y)])


_NO_MEMORY = "can't allocate memory"
"""What torch's RuntimeError says when there is none."""


def _refuse_prior(record: logging.LogRecord) -> bool:
    """Raises MemoryError where Optuna would do without the fit that it had no memory for."""
    if _NO_MEMORY in record.getMessage():
        raise MemoryError(record.getMessage())
    return True


def _one_torch_thread() -> None:
    import torch

    torch.set_num_threads(1)


OPTIMIZERS: dict[str, Callable[[Floats, Floats, int], Optimizer]] = {
    "trimtab": Trimtab,
    "scikit-learn": Sklearn,
    "optuna": Optuna,
    "optuna-alone": OptunaAlone,
    "botorch": Botorch,
}
PACKAGES = {"trimtab": "trimtab-service", "optuna-alone": "optuna"}
"""The package of an optimizer, where it is called otherwise."""


# --- The process ----------------------------------------------------------------------------------------------------

OUT_OF_MEMORY = 3
"""Exit code of a process that wanted more than --memory."""


def serve(name: str, d: int, n: int, seed: int, limit: float) -> None:
    """Answer each line of standard input with one ask, until there are no more.

    limit: seconds of the processor that the first ask may take, and then all others together. Past it the process is
    ended by SIGXCPU.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints must not come between the answers
    rng = np.random.default_rng([seed, d, n, 2])
    optimizer: Optimizer = OPTIMIZERS[name](*past(d, n, seed), seed)
    answers.write(json.dumps({"version": importlib.metadata.version(PACKAGES.get(name, name))}) + "\n")
    for asked, _ in enumerate(sys.stdin):
        if asked < 2:
            allow(limit)
        wall, cpu = time.perf_counter(), time.process_time()
        x = optimizer.ask()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        optimizer.tell(x, loss(x) + NOISE * rng.standard_normal())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6  # Linux counts it in KiB
        answers.write(json.dumps({"wall": wall, "cpu": cpu, "peak_mb": peak}) + "\n")


def allow(seconds: float) -> None:
    """Let the process use the processor for so long from now."""
    most = int(time.process_time() + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))


def main() -> None:
    """Serve one optimizer, as the command says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=OPTIMIZERS)
    parser.add_argument("--d", type=int, required=True, help="parameters, all floats")
    parser.add_argument("--n", type=int, required=True, help="trials told before the first ask")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=1e6, help="CPU seconds for the first ask, and for the others")
    parser.add_argument("--memory", type=float, default=8.0, help="GB that the process may hold")
    given = parser.parse_args()
    most = int(given.memory * 1e9)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")  # of the peers' own, which are not asked about
    try:
        serve(given.name, given.d, given.n, given.seed, given.limit)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, MemoryError) or _NO_MEMORY in str(error):
            sys.exit(OUT_OF_MEMORY)
        raise


if __name__ == "__main__":
    main()
