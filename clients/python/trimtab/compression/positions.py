"""Where the kept weights of a pruned layer lie, as gaps of a few bits (Han et al. 2015, arXiv 1510.00149, Figure 2).

positions: (n,) increasing indices of the flat layer. gaps: (m,) zeros before each entry, below 2^bits. Where a gap is
too long a filler entry, whose weight is 0, stands in between; so m >= n.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Ints = np.ndarray[Any, np.dtype[np.integer[Any]]]

WIDTHS = range(2, 13)
"""Bits that are tried where none are given."""


def relative(positions: Ints, bits: int) -> tuple[Ints, np.ndarray[Any, np.dtype[np.bool_]]]:
    """The gaps (m,) as uint16, and which entries (m,) are real and no fillers."""
    gap = np.diff(positions, prepend=-1) - 1
    fillers = gap >> bits
    where = np.arange(len(gap)) + np.cumsum(fillers)
    gaps = np.full(len(gap) + int(fillers.sum()), 2**bits - 1, np.uint16)
    gaps[where] = gap - (fillers << bits)
    real = np.zeros(len(gaps), bool)
    real[where] = True
    return gaps, real


def absolute(gaps: Ints) -> Ints:
    """The positions (m,) of all entries, fillers too."""
    return np.cumsum(gaps.astype(np.int64) + 1) - 1
