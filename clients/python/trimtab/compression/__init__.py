"""Compressed weights: prune, share, code (Deep Compression), as a stream that decodes bit for bit. Needs numpy."""

import importlib.util

from trimtab.errors import NotInstalled

if importlib.util.find_spec("numpy") is None:
    raise NotInstalled('compressing needs numpy: pip install "trimtab[measure]"')

from trimtab.compression.compressing import compress  # these import numpy
from trimtab.compression.errors import CorruptStream, InvalidCompression, InvalidWeights
from trimtab.compression.report import Report, Stage
from trimtab.compression.stream import decode, load

__all__ = [
    "CorruptStream",
    "InvalidCompression",
    "InvalidWeights",
    "Report",
    "Stage",
    "compress",
    "decode",
    "load",
]
