"""What a model costs: parameters, bytes, multiply-accumulates and latency, each figure with how it was come by."""

from trimtab.costs.audit import Audit, Finding, audit
from trimtab.costs.cost import Cost, InTraining, InvalidExample, Layer, UnknownCost, UnsupportedModel
from trimtab.costs.formulas import conv2d, linear
from trimtab.costs.measuring import measure

__all__ = [
    "Audit",
    "Cost",
    "Finding",
    "InTraining",
    "InvalidExample",
    "Layer",
    "UnknownCost",
    "UnsupportedModel",
    "audit",
    "conv2d",
    "linear",
    "measure",
]
