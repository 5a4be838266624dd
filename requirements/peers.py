"""Makes .venv-peers, where the benchmarks find the optimizers that they compare ours with.

Standard library only, in the words of Python 3.8, like dev.py, which is the only one to use it.
"""

from __future__ import annotations

from requirements.frameworks import TORCH, prepare_with_torch
from requirements.venv import ROOT, quietly, say

FOLDER = ROOT / ".venv-peers"
PYTHON = FOLDER / "bin" / "python"
LOCK = ROOT / "requirements" / "peers.txt"


def prepare_peers() -> None:
    """A .venv-peers that is as it should be, with the torch that was installed first. Raises Trouble."""
    prepare_with_torch(FOLDER, LOCK, shared=False)
    check = "import botorch, optuna, pymoo.algorithms.moo.nsga2, torch; "
    check += f"assert torch.__version__.split('+')[0] == {TORCH.split('==')[1]!r}"
    quietly("importing the peers", PYTHON, "-c", check)
    say(f"{FOLDER.name} is ready; python -m benchmarks.latency and benchmarks.pareto take the peers from it")
