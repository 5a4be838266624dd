"""Symbols as bytes: in Huffman codes, or with so many bits each; and what Huffman codes would take.

symbols: (n,) unsigned ints below an alphabet of k. counts: (k,) how often each occurs.

The stream is DEFLATE's (RFC 1951) with literals only, in raw form: canonical Huffman codes, a table of their lengths
for each block of 32,768 symbols. zlib writes and reads it, which is what makes it fast; nothing is matched. Alphabets
of more than 256 symbols go as two planes, their low bytes and their high bytes. Small alphabets share a byte, see
`_per_byte`. A table for each block follows weights that change along the layer, so the stream of a layer that is in
some order can be smaller than `payload_bits`, which is of one code for all of it.
"""

from __future__ import annotations

import heapq
import zlib
from typing import Any

import numpy as np

from trimtab.compression.errors import CorruptStream, InvalidCompression

Symbols = np.ndarray[Any, Any]

_RAW = -zlib.MAX_WBITS
_MEMORY = 9
"""zlib's largest buffer, so that a table of code lengths serves 32,768 symbols."""
_MANY = 2**16
"""Symbols from which on a table for pairs of them pays."""
_AT_ONCE = 2**20
"""Symbols whose bits are spread out at a time; a multiple of 8."""


def encode(symbols: Symbols, alphabet: int) -> bytes:
    """The symbols in Huffman codes. The number of symbols and the alphabet are not in it.

    Raises InvalidCompression for a symbol that is not below the alphabet.
    """
    _check(symbols, alphabet, InvalidCompression)
    planes = [_deflate(plane.tobytes()) for plane in _planes(symbols, alphabet)]
    return planes[0] if len(planes) == 1 else len(planes[0]).to_bytes(5, "little") + b"".join(planes)


def decode(data: bytes, count: int, alphabet: int) -> Symbols:
    """So many symbols back, as uint8 or uint16. Raises CorruptStream when the bytes do not hold just these."""
    if alphabet <= 256:
        per = _per_byte(count, alphabet)
        symbols = _apart(_inflate(data, -(-count // per)), count, alphabet, per)
    else:
        first = int.from_bytes(data[:5], "little")
        low, high = _inflate(data[5 : 5 + first], count), _inflate(data[5 + first :], count)
        symbols = low | high.astype(np.uint16) << 8
    _check(symbols, alphabet, CorruptStream)
    return symbols


def pack(symbols: Symbols, alphabet: int) -> bytes:
    """The symbols with `width` bits each, the highest bit first.

    Raises InvalidCompression for a symbol that is not below the alphabet.
    """
    _check(symbols, alphabet, InvalidCompression)
    bits = width(alphabet)
    shifts = np.arange(bits - 1, -1, -1, dtype=np.uint16)
    parts = []
    for start in range(0, len(symbols), _AT_ONCE):
        some = symbols[start : start + _AT_ONCE].astype(np.uint16)
        parts.append(np.packbits(((some[:, None] >> shifts) & 1).astype(np.uint8)).tobytes())
    return b"".join(parts)


def unpack(data: bytes, count: int, alphabet: int) -> Symbols:
    """So many symbols back, as uint8 or uint16. Raises CorruptStream when the bytes do not hold just these."""
    bits = width(alphabet)
    if len(data) != -(-count * bits // 8):
        raise CorruptStream(f"expected {-(-count * bits // 8):,} bytes of {bits}-bit symbols, got {len(data):,}")
    symbols = np.zeros(count, np.uint16)
    weights = (1 << np.arange(bits - 1, -1, -1)).astype(np.uint16)
    raw = np.frombuffer(data, np.uint8)
    for start in range(0, count, _AT_ONCE):
        many = min(_AT_ONCE, count - start)
        spread = np.unpackbits(raw[start * bits // 8 :][: -(-many * bits // 8)], count=many * bits)
        symbols[start : start + many] = spread.reshape(many, bits) @ weights
    _check(symbols, alphabet, CorruptStream)
    return symbols if alphabet > 256 else symbols.astype(np.uint8)


def width(alphabet: int) -> int:
    """Bits of a symbol in a code of one length: ⌈log2 k⌉, at least 1."""
    return max(1, (alphabet - 1).bit_length())


def payload_bits(counts: np.ndarray[Any, Any]) -> int:
    """Bits of the message in its Huffman code: the weights of all merged nodes, added up (Huffman 1952).

    One distinct symbol takes 1 bit each time. The table of the code is not in it: 8 bits per symbol of the alphabet.
    """
    heap = [int(count) for count in counts[counts > 0]]
    if len(heap) < 2:
        return sum(heap)
    heapq.heapify(heap)
    total = 0
    while len(heap) > 1:
        merged = heapq.heappop(heap) + heap[0]
        heapq.heapreplace(heap, merged)
        total += merged
    return total


def entropy_bits(counts: np.ndarray[Any, Any]) -> float:
    """n · H bits, which no code of single symbols goes under (Shannon 1948, theorem 9)."""
    some = counts[counts > 0].astype(float)
    return float(-(some * np.log2(some / some.sum())).sum()) + 0.0 if some.size else 0.0


def _planes(symbols: Symbols, alphabet: int) -> list[Symbols]:
    if alphabet <= 256:
        return [_together(symbols.astype(np.uint8), alphabet, _per_byte(len(symbols), alphabet))]
    return [(symbols & 0xFF).astype(np.uint8), (symbols >> 8).astype(np.uint8)]


def _per_byte(count: int, alphabet: int) -> int:
    """How many symbols are coded as one byte.

    DEFLATE's code also has a word for the end of a block, which costs half a bit for each symbol of an alphabet of 2;
    several symbols to a byte make it next to nothing. For more than 4 symbols the longer table must pay, too.
    """
    bits = width(alphabet)
    return 8 // bits if bits <= 2 or (bits <= 4 and count >= _MANY) else 1


def _together(symbols: Symbols, alphabet: int, per: int) -> Symbols:
    padded = np.pad(symbols, (0, -len(symbols) % per)) if len(symbols) % per else symbols
    joined = padded[::per].copy()
    for place in range(1, per):
        joined |= padded[place::per] << (place * width(alphabet))
    return joined


def _apart(joined: Symbols, count: int, alphabet: int, per: int) -> Symbols:
    if per == 1:
        return joined
    symbols = np.empty(len(joined) * per, np.uint8)
    for place in range(per):
        symbols[place::per] = (joined >> (place * width(alphabet))) & ((1 << width(alphabet)) - 1)
    return symbols[:count]


def _deflate(plane: bytes) -> bytes:
    coder = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, _RAW, _MEMORY, zlib.Z_HUFFMAN_ONLY)
    return coder.compress(plane) + coder.flush()


def _inflate(data: bytes, count: int) -> Symbols:
    if count > 8 * len(data):  # a word has at least one bit: nothing larger is ever asked of memory
        raise CorruptStream(f"expected Huffman codes of {count:,} symbols, got {len(data):,} bytes")
    reader = zlib.decompressobj(_RAW)
    try:
        plane = reader.decompress(data, count + 1)
    except zlib.error as error:
        raise CorruptStream(
            f"expected Huffman codes of {count:,} symbols, got bytes that are none: {error}"
        ) from None
    if len(plane) != count or not reader.eof or reader.unused_data:
        raise CorruptStream(
            f"expected Huffman codes of {count:,} symbols, got {len(plane):,} symbols and no clean end"
        )
    return np.frombuffer(plane, np.uint8)


def _check(symbols: Symbols, alphabet: int, error: type[CorruptStream] | type[InvalidCompression]) -> None:
    if symbols.size and int(symbols.max()) >= alphabet:
        raise error(f"expected symbols below {alphabet}, got {int(symbols.max())}")
