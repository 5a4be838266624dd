"""What a model costs: parameters, bytes, multiply-accumulates and latency, each figure with how it was come by."""

from trimtab.costs.cost import Cost, InvalidExample, UnsupportedModel
from trimtab.costs.formulas import conv2d, linear
from trimtab.costs.measuring import measure

__all__ = ["Cost", "InvalidExample", "UnsupportedModel", "conv2d", "linear", "measure"]
