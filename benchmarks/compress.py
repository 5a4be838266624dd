"""Compares the coding of cluster indices with zlib, lzma and zstandard, and with the entropy: bytes and speed.

The rows are three pruned 784-300-100-10 nets and a net of 4 million weights. Every rival gets the same indices, one
byte each. Speeds are medians of interleaved runs, as ratios to zlib at level 6. --check ends with 1 when ours is not
smaller than each, not within 3 % of the bound, not 5 times as fast to write or not a fifth as fast to read.
"""

from __future__ import annotations

import argparse
import importlib
import json
import lzma
import statistics
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import trimtab
from trimtab.compression import huffman
from trimtab.compression.layers import Coded

Array = np.ndarray[Any, Any]
OURS, YARDSTICK = "trimtab", "zlib 6"
BOUND, WRITE, READ = 1.03, 5.0, 0.2
"""What --check asks for: bytes / entropy bound, and speed / zlib 6's, to write and to read."""


@dataclass(frozen=True)
class Row:
    """symbols: uint16 (n,) cluster indices, below `alphabet`."""

    name: str
    symbols: Array
    alphabet: int

    @property
    def bound(self) -> float:
        """n · H, in bytes."""
        return huffman.entropy_bits(np.bincount(self.symbols)) / 8


def rows(*, quick: bool) -> list[Row]:
    """The nets, compressed by `trimtab.compress`; their layers' indices, one after the other."""
    rng = np.random.default_rng(0)
    lenet = [rng.normal(0, np.sqrt(2 / a), (a, b)).astype(np.float32) for a, b in ((784, 300), (300, 100), (100, 10))]
    side = 200 if quick else 1000
    large = [rng.normal(0, np.sqrt(2 / side), (side, side)).astype(np.float32) for _ in range(4)]
    made = [
        Row(
            f"784-300-100-10, {keep:.0%} kept, {clusters} clusters, {bits} index bits",
            indices(lenet, prune=1 - keep, clusters=clusters, index_bits=bits),
            clusters,
        )
        for keep, clusters, bits in ((0.08, 64, 5), (0.08, 16, 5), (0.10, 32, 4))
    ]
    return [*made, Row(f"4 layers of {side} x {side}, 4 bits", indices(large, bits=4), 16)]


def indices(weights: list[Array], **options: Any) -> Array:
    """The cluster indices (n,) of all layers, fillers too."""
    layers = trimtab.compress(weights, **options).layers.values()
    return np.concatenate([one.symbols for one in layers if isinstance(one, Coded) and one.symbols is not None])


def coders(row: Row) -> dict[str, tuple[Callable[[], bytes], Callable[[bytes], object]]]:
    """Name -> (writes the row's indices, reads them). What is not installed is not among them."""
    raw = row.symbols.astype(np.uint8).tobytes()
    found: dict[str, tuple[Callable[[], bytes], Callable[[bytes], object]]] = {
        OURS: (
            lambda: huffman.encode(row.symbols, row.alphabet),
            lambda data: huffman.decode(data, len(row.symbols), row.alphabet),
        ),
        YARDSTICK: (lambda: zlib.compress(raw, 6), zlib.decompress),
        "zlib 9": (lambda: zlib.compress(raw, 9), zlib.decompress),
        "lzma": (lambda: lzma.compress(raw), lzma.decompress),
    }
    try:
        zstandard = importlib.import_module("zstandard")
    except ImportError:
        return found
    found["zstandard 3"] = (lambda: zstandard.ZstdCompressor(level=3).compress(raw), zstandard.decompress)
    found["zstandard 19"] = (lambda: zstandard.ZstdCompressor(level=19).compress(raw), zstandard.decompress)
    return found


def compare(row: Row, *, repeats: int) -> list[dict[str, Any]]:
    """A record per coder: bytes, and seconds to write and to read as medians of interleaved runs."""
    tried = coders(row)
    data = {name: write() for name, (write, _) in tried.items()}
    if not np.array_equal(tried[OURS][1](data[OURS]), row.symbols):
        raise AssertionError(f"{row.name}: what was read is not what was written")
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in tried}
    for turn in range(repeats):
        for name, (write, read) in tried.items():
            if turn and name in ("lzma", "zstandard 19", "zlib 9"):
                continue  # seconds each on the large row; what counts of them is their size
            start = time.perf_counter()
            write()
            middle = time.perf_counter()
            read(data[name])
            times[name][0].append(middle - start)
            times[name][1].append(time.perf_counter() - middle)
    base = [statistics.median(one) for one in times[YARDSTICK]]
    return [
        {
            "row": row.name,
            "symbols": len(row.symbols),
            "coder": name,
            "bytes": len(data[name]),
            "bound_bytes": round(row.bound),
            "over_bound": len(data[name]) / row.bound,
            "write_mb_s": len(row.symbols) / statistics.median(times[name][0]) / 1e6,
            "read_mb_s": len(row.symbols) / statistics.median(times[name][1]) / 1e6,
            "write_ratio": base[0] / statistics.median(times[name][0]),
            "read_ratio": base[1] / statistics.median(times[name][1]),
        }
        for name in tried
    ]


def missed(records: list[dict[str, Any]]) -> list[str]:
    """What --check asks for and the records do not show, in sentences."""
    found = []
    for ours in (one for one in records if one["coder"] == OURS):
        rivals = [one for one in records if one["row"] == ours["row"] and one["coder"] != OURS]
        smaller = [one["coder"] for one in rivals if one["bytes"] <= ours["bytes"]]
        checks = (
            (bool(smaller), f"{', '.join(smaller)} is as small"),
            (ours["over_bound"] > BOUND, f"{ours['over_bound']:.4f} times the bound, more than {BOUND}"),
            (ours["write_ratio"] < WRITE, f"writes {ours['write_ratio']:.1f} times as fast, less than {WRITE:g}"),
            (ours["read_ratio"] < READ, f"reads {ours['read_ratio']:.2f} times as fast, less than {READ:g}"),
        )
        found += [f"{ours['row']}: {text}" for failed, text in checks if failed]
    return found


def whole(weights: int) -> dict[str, Any]:
    """Seconds to compress and to restore so many weights, with pruning, 4 bits and Huffman codes."""
    array = np.random.default_rng(1).normal(size=weights).astype(np.float32)
    start = time.perf_counter()
    report = trimtab.compress(array, prune=0.8, bits=4)
    middle = time.perf_counter()
    restored = report.restored
    end = time.perf_counter()
    return {
        "weights": restored.size,
        "bytes": report.stored_bytes,
        "compress_s": middle - start,
        "restore_s": end - middle,
    }


def main(words: list[str] | None = None) -> int:
    """Run the comparison; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smaller net and fewer runs")
    parser.add_argument("--json", metavar="FILE", help="write a JSON line per record, too")
    parser.add_argument("--check", action="store_true", help="end with 1 when a requirement is missed")
    options = parser.parse_args(words)
    records = [one for row in rows(quick=options.quick) for one in compare(row, repeats=3 if options.quick else 15)]
    last = ""
    for one in records:
        if one["row"] != last:
            print(f"\n{one['row']}: {one['symbols']:,} indices, entropy bound {one['bound_bytes']:,} bytes")
            heads = ("", "bytes", "/ bound", "write MB/s", "/ zlib 6", "read MB/s", "/ zlib 6")
            print("  {:14}{:>12}{:>9}{:>12}{:>10}{:>11}{:>10}".format(*heads))
            last = one["row"]
        print(
            f"  {one['coder']:14}{one['bytes']:>12,}{one['over_bound']:>9.4f}{one['write_mb_s']:>12.1f}"
            f"{one['write_ratio']:>10.2f}{one['read_mb_s']:>11.1f}{one['read_ratio']:>10.2f}"
        )
    if not any(one["coder"].startswith("zstandard") for one in records):
        print("\nzstandard is not installed here, so it is not compared: pip install zstandard")
    total = whole(1_000_000 if options.quick else 10_000_000)
    print(
        f"\n{total['weights']:,} weights, 80 % pruned, 4 bits: {total['bytes']:,} bytes, "
        f"compressed in {total['compress_s']:.2f} s, restored in {total['restore_s']:.2f} s"
    )
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(one) + "\n" for one in [*records, total])
    short = missed(records)
    print(
        "\n".join(["", "What --check asks for and this run does not show:", *short])
        if short
        else "\nSmaller than each, near the bound, and fast enough."
    )
    return 1 if options.check and short else 0


if __name__ == "__main__":
    sys.exit(main())
