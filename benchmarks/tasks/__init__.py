"""The tasks, by name and in sets."""

from __future__ import annotations

from functools import cache

from benchmarks.tasks.functions import FUNCTIONS
from benchmarks.tasks.nets import STAGES
from benchmarks.tasks.tables import Column, by_checksum, out_of_memory, read, tabulated
from benchmarks.tasks.task import Task
from benchmarks.tasks.varied import DIVERGING, VARIED

__all__ = ["LIMITED", "SETS", "Task", "task"]

SETS = {
    "peers": (
        *("branin", "hartmann6", "ackley5", "rosenbrock4", "levy10", "mixed6"),
        *("svc_digits", "mlp_cancer", "gb_diabetes", "zdt1_6", "zdt2_6", "dtlz2_6", "momlp_digits"),
    ),
    "tables": ("fcnet_protein", "mlp_vehicle", "graph_cora"),
    "fronts": ("fcnet_protein_front", "mlp_vehicle_front"),
    "failing": ("fcnet_protein_failing", "hartmann6_failing", "training5_failing", "mlp_vehicle_failing"),
    "embedded": ("hartmann6_in_20",),
    "varied": tuple(one.name for one in VARIED),
}
"""Set -> its tasks."""
LIMITED = ("c2_dtlz2_6", "fcnet_protein_limited", "fcnet_protein_small", "stages12")
"""The tasks with limits. These allow 2, 36, 40 and 40 % of the space."""
_LOSS, _ACCURACY = Column("val_loss"), Column("val_acc", maximised=True)
_LEARNING = ("svc_digits", "mlp_cancer", "gb_diabetes", "momlp_digits")


def _tabulated(name: str) -> Task | None:
    match name:
        case "fcnet_protein":
            return tabulated(name, read("fcnet_protein"), _LOSS)
        case "mlp_vehicle":
            return tabulated(name, read("mlp_vehicle"), _ACCURACY)
        case "graph_cora":
            return tabulated(name, read("graph_cora"), Column("val", maximised=True))
        case "fcnet_protein_front":
            return tabulated(name, read("fcnet_protein"), _LOSS, Column("size", log=True), trials=100)
        case "mlp_vehicle_front":
            return tabulated(name, read("mlp_vehicle"), _ACCURACY, Column("train_s", log=True), trials=100)
        case "fcnet_protein_failing":
            return tabulated(name, read("fcnet_protein").without(out_of_memory), _LOSS, trials=100)
        case "mlp_vehicle_failing":
            return tabulated(name, read("mlp_vehicle").without(by_checksum), _ACCURACY, trials=100)
        case "fcnet_protein_limited":
            return tabulated(name, read("fcnet_protein"), _LOSS, trials=100, limits={"size": 5_000})
        case "fcnet_protein_small":
            return tabulated(name, read("fcnet_protein"), _LOSS, limits={"size": 6_689})
    return None


@cache
def task(name: str) -> Task:
    """The task of this name. Raises ValueError."""
    for one in (*FUNCTIONS, *VARIED, DIVERGING, STAGES):
        if one.name == name:
            return one
    if name in _LEARNING:
        from benchmarks.tasks.learning import LEARNING  # loads all of scikit-learn, which the others do without

        return next(one for one in LEARNING if one.name == name)
    if found := _tabulated(name):
        return found
    known = [known for names in SETS.values() for known in names]
    raise ValueError(f"a task is one of {[*known, *LIMITED]}, got {name!r}")
