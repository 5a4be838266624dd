"""Compressed weights as bytes and as a file, and back, bit for bit.

    "TRIM" · version · number of layers · CRC-32          the head
    length · body · CRC-32 of both                        each layer
Whole numbers are LEB128 (7 bits a byte, the low ones first), everything else little-endian. A body is name · dtype ·
shape · kind · content, see `_body`. Every check names the byte where the section begins that failed.
"""

from __future__ import annotations

import os
import re
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trimtab.compression import huffman
from trimtab.compression.errors import CorruptStream
from trimtab.compression.layers import Coded, Layer, Whole
from trimtab.compression.levels import Codebook, Grid, Levels

MAGIC = b"TRIM"
VERSION = 1
_WHOLE, _VALUES, _CODEBOOK, _GRID = range(4)
_GAPS, _HUFFMAN, _CHANNELS = 16, 32, 64
"""Bits of a kind: gaps are stored; Huffman codes; one row of the grid for each channel."""


def encode(layers: Mapping[str, Layer], *, coded: bool) -> bytes:
    """The layers as one stream. coded: in Huffman codes, else with whole bits per symbol."""
    head = MAGIC + bytes([VERSION]) + _number(len(layers))
    sections = [head + _crc(head)]
    for name, layer in layers.items():
        body = _body(name, layer, coded)
        section = _number(len(body)) + body
        sections.append(section + _crc(section))
    return b"".join(sections)


def decode(data: bytes) -> dict[str, np.ndarray[Any, Any]]:
    """Name -> array, in the order in which they were encoded. Raises CorruptStream, which names the byte."""
    return {name: layer.restore() for name, layer in read(data).items()}


def read(data: bytes) -> dict[str, Layer]:
    """Name -> layer as it is stored. Raises CorruptStream."""
    reader = _Reader(data)
    if reader.take(len(MAGIC)) != MAGIC:
        raise CorruptStream(f"expected compressed weights, which begin with {MAGIC!r}, got {data[:4]!r}", 0)
    version = reader.take(1)[0]
    if version != VERSION:
        raise CorruptStream(f"expected version {VERSION}, got {version}", len(MAGIC))
    count = reader.number()
    reader.check()
    layers: dict[str, Layer] = {}
    for _ in range(count):
        length = reader.number()
        body = reader.take(length)
        start = reader.start
        reader.check()
        try:
            name, layer = _layer(_Reader(body))
        except (CorruptStream, ValueError, TypeError, IndexError, OverflowError) as error:
            raise CorruptStream(f"expected a layer, got one that makes no sense: {error}", start) from error
        if name in layers:
            raise CorruptStream(f"expected each name once, got {name!r} again", start)
        layers[name] = layer
    if reader.at != len(data):
        raise CorruptStream(f"expected the end, got {len(data) - reader.at:,} bytes more", reader.at)
    return layers


def save(data: bytes, path: str | os.PathLike[str]) -> None:
    """Write the stream to a file, whole or not at all. Raises OSError."""
    target = Path(path)
    handle, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(beside, 0o666 & ~_umask())
        os.replace(beside, target)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def load(path: str | os.PathLike[str]) -> dict[str, np.ndarray[Any, Any]]:
    """Name -> array, of a file that was saved. Raises CorruptStream and OSError."""
    return decode(Path(path).read_bytes())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# --- A layer as a body ----------------------------------------------------------------------------------------------


def _body(name: str, layer: Layer, coded: bool) -> bytes:
    array = layer.array if isinstance(layer, Whole) else layer
    parts = [_text(name), _text(array.dtype.str), _number(len(array.shape)), *map(_number, array.shape)]
    if isinstance(layer, Whole):
        return b"".join([*parts, bytes([_WHOLE]), np.ascontiguousarray(layer.array).tobytes()])
    kind = _VALUES if layer.levels is None else _CODEBOOK if isinstance(layer.levels, Codebook) else _GRID
    kind |= _GAPS * (layer.gaps is not None) | _HUFFMAN * coded
    kind |= _CHANNELS * (isinstance(layer.levels, Grid) and layer.levels.axis is not None)
    parts.append(bytes([kind]))
    write = huffman.encode if coded else huffman.pack
    if layer.gaps is not None:
        gaps = write(layer.gaps, 2**layer.index_bits)
        parts += [_number(layer.index_bits), _number(len(layer.gaps)), _number(len(gaps)), gaps]
    if layer.levels is None or layer.symbols is None:
        return b"".join([*parts, np.ascontiguousarray(layer.values).tobytes()])
    return b"".join([*parts, _levels(layer.levels), write(layer.symbols, layer.levels.alphabet)])


def _levels(levels: Levels) -> bytes:
    if isinstance(levels, Codebook):
        return _number(levels.alphabet) + levels.values.astype("<f4").tobytes()
    channels = b"" if levels.axis is None else _number(levels.axis)
    return (
        bytes([levels.width])
        + channels
        + levels.scales.astype("<f4").tobytes()
        + levels.zero_points.astype("<u2").tobytes()
    )


def _layer(reader: _Reader) -> tuple[str, Layer]:
    name, dtype = reader.text(), _dtype(reader.text())
    shape = tuple(reader.number() for _ in range(reader.number()))
    kind, size = reader.take(1)[0], int(np.prod(shape, dtype=object))
    np.broadcast_to(np.zeros((), dtype), shape)  # raises for more axes or bytes than an array may have
    if kind & ~(3 | _GAPS | _HUFFMAN | _CHANNELS) or (kind != _WHOLE and dtype.kind != "f"):
        raise CorruptStream(f"expected an array of a known kind, got {dtype} of kind {kind}", reader.at)
    if kind == _WHOLE:
        return name, Whole(_array(reader.rest(), dtype, size).reshape(shape))
    look = huffman.decode if kind & _HUFFMAN else huffman.unpack
    gaps, index_bits, count = None, 0, size
    if kind & _GAPS:
        index_bits, count = _checked_width(reader.number()), reader.number()
        gaps = look(reader.take(reader.number()), count, 2**index_bits).astype(np.uint16)
        if count and int(gaps.sum(dtype=np.int64)) + count > size:
            raise CorruptStream(f"expected gaps within {size:,} weights, got more", reader.at)
    if kind & 3 == _VALUES:
        return name, Coded(shape, dtype, gaps, index_bits, None, None, _array(reader.rest(), dtype, count))
    levels: Levels
    if kind & 3 == _CODEBOOK:
        clusters = reader.number()
        levels = Codebook(_array(reader.take(4 * clusters), np.dtype("<f4"), clusters))
    else:
        width = _checked_width(reader.take(1)[0])
        axis = reader.number() if kind & _CHANNELS else None
        channels = 1 if axis is None else shape[axis]
        scales = _array(reader.take(4 * channels), np.dtype("<f4"), channels)
        levels = Grid(width, scales, _array(reader.take(2 * channels), np.dtype("<u2"), channels), axis, shape)
    symbols = look(reader.rest(), count, levels.alphabet).astype(np.uint16)
    return name, Coded(shape, dtype, gaps, index_bits, levels, symbols, None)


def _dtype(text: str) -> np.dtype[Any]:
    if not re.fullmatch(r"[<>|][biufc]\d{1,2}", text):
        raise CorruptStream(f"expected a dtype of numbers such as '<f4', got {text!r}")
    return np.dtype(text)


def _checked_width(bits: int) -> int:
    if not 1 <= bits <= 16:
        raise CorruptStream(f"expected symbols of 1 to 16 bits, got {bits:,}")
    return bits


def _array(data: bytes, dtype: np.dtype[Any], count: int) -> np.ndarray[Any, Any]:
    if len(data) != count * dtype.itemsize:
        raise CorruptStream(f"expected {count * dtype.itemsize:,} bytes of {dtype}, got {len(data):,}")
    return np.frombuffer(data, dtype).copy()


# --- Numbers, texts and checks --------------------------------------------------------------------------------------


def _number(number: int) -> bytes:
    made = bytearray()
    while number > 127:
        made.append(number & 127 | 128)
        number >>= 7
    return bytes([*made, number])


def _text(text: str) -> bytes:
    raw = text.encode()
    return _number(len(raw)) + raw


def _crc(section: bytes) -> bytes:
    return zlib.crc32(section).to_bytes(4, "little")


class _Reader:
    """Takes bytes from the front. start: where the section that is being read begins."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.start = data, 0, 0

    def take(self, count: int) -> bytes:
        """So many bytes. Raises CorruptStream when there are fewer."""
        if self.at + count > len(self.data):
            raise CorruptStream(f"expected {count:,} bytes, got {len(self.data) - self.at:,}: cut off", self.start)
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self) -> int:
        """A whole number. Raises CorruptStream when it is longer than 64 bits need."""
        number = 0
        for place in range(10):
            byte = self.take(1)[0]
            number |= (byte & 127) << 7 * place
            if byte < 128:
                return number
        raise CorruptStream("expected a number of at most ten bytes, got a longer one", self.start)

    def text(self) -> str:
        """A text. Raises CorruptStream and UnicodeDecodeError."""
        return self.take(self.number()).decode()

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self.data) - self.at)

    def check(self) -> None:
        """The section ends here with its check. Raises CorruptStream when it does not agree."""
        section = self.data[self.start : self.at]
        if self.take(4) != _crc(section):
            raise CorruptStream("expected the bytes that were written, got others: the check (CRC) fails", self.start)
        self.start = self.at
