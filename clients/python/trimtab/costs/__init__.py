"""What a model costs: parameters, bytes, multiply-accumulates and latency, each figure with how it was come by."""

from trimtab.costs import latency
from trimtab.costs.audit import Audit, Finding, audit
from trimtab.costs.cost import Cost, InTraining, InvalidExample, Layer, UnknownCost, UnsupportedModel
from trimtab.costs.energy import EnergyTracker, TrackerInUse
from trimtab.costs.footprint import InvalidSite, Site
from trimtab.costs.formulas import (
    batch_norm,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose2d,
    embedding,
    layer_norm,
    linear,
    output_size,
    transposed_size,
)
from trimtab.costs.formulas_layer import InvalidSize, total
from trimtab.costs.formulas_sequences import attention, encoder_layer, feed_forward, gru, lstm, rnn
from trimtab.costs.grid import UnknownCountry
from trimtab.costs.measuring import measure

__all__ = [
    "Audit",
    "Cost",
    "EnergyTracker",
    "Finding",
    "InTraining",
    "InvalidExample",
    "InvalidSite",
    "InvalidSize",
    "Layer",
    "Site",
    "TrackerInUse",
    "UnknownCost",
    "UnknownCountry",
    "UnsupportedModel",
    "attention",
    "audit",
    "batch_norm",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose2d",
    "embedding",
    "encoder_layer",
    "feed_forward",
    "gru",
    "latency",
    "layer_norm",
    "linear",
    "lstm",
    "measure",
    "output_size",
    "rnn",
    "total",
    "transposed_size",
]
