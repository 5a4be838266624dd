"""Compressed weights: prune, share, code (Deep Compression), as a stream that decodes bit for bit. Needs numpy."""

from trimtab.compression.compressing import compress
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
