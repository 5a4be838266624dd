"""Codes: words of bits for symbols, what a message costs in them, and the way there and back.

A code is a dict {symbol: word}; a word is a string of "0" and "1", never an int, so that leading zeros stay.
Standard library only. Sources: Huffman 1952; Cover & Thomas 2006, chapter 5.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from trimtab.errors import TrimtabError
from trimtab.information import (
    Distribution,
    InvalidDistribution,
    check,
    cross_entropy,
    entropy,
    entropy_bound,
    kl_divergence,
    shares,
)

__all__ = [
    "CHARACTER_BITS",
    "Code",
    "InvalidCode",
    "InvalidDistribution",
    "canonical_code",
    "compression_rate",
    "cross_entropy",
    "decode",
    "encode",
    "entropy",
    "entropy_bound",
    "expected_length",
    "file_rate",
    "fixed_code",
    "huffman_code",
    "kl_divergence",
    "kraft_sum",
    "payload_bits",
    "redundancy",
    "unary_code",
]

Code = dict[Any, str]

CHARACTER_BITS = 8
"""What a symbol of the message takes before it is coded, unless one says otherwise."""


class InvalidCode(TrimtabError, ValueError):
    """The code is none, or does not fit what it shall code."""

    code = "invalid_code"


# --- Codes ----------------------------------------------------------------------------------------------------------


def huffman_code(message: Iterable[Hashable] | Mapping[Any, float]) -> Code:
    """The canonical Huffman code of a message or of {symbol: weight}; no prefix code is shorter (Huffman 1952).

    Words of one length are consecutive numbers, shorter words come first, and symbols of one length stand in their
    order, of value where they can be compared, else of appearance: the lengths tell the whole code (RFC 1951, 3.2.2).
    One distinct symbol gets a word of one bit. Symbols of weight 0 get none. Raises InvalidDistribution.

    >>> huffman_code("BCAADDCADCACFACE")
    {'A': '00', 'C': '01', 'D': '10', 'B': '110', 'E': '1110', 'F': '1111'}
    >>> huffman_code("AAAA"), huffman_code("")
    ({'A': '0'}, {})
    """
    weights = dict(message) if isinstance(message, Mapping) else dict(Counter(message))
    check(weights)
    return canonical_code(_lengths({symbol: weight for symbol, weight in weights.items() if weight > 0}))


def canonical_code(lengths: Mapping[Any, int]) -> Code:
    """The canonical code of {symbol: length of its word}. Raises InvalidCode when no prefix code has such lengths.

    >>> canonical_code({"x": 2, "y": 1, "z": 2})
    {'y': '0', 'x': '10', 'z': '11'}
    """
    if any(not isinstance(length, int) or length < 1 for length in lengths.values()):
        raise InvalidCode(f"expected words of at least one bit, got lengths {dict(lengths)!r}")
    longest = max(lengths.values(), default=0)
    if sum(1 << (longest - length) for length in lengths.values()) > 1 << longest:  # exact, which a float is not
        raise InvalidCode(f"expected lengths whose 2^-length add up to at most 1, got {kraft_sum(lengths)}")
    code: Code = {}
    number, before = 0, 0
    for symbol in sorted(_in_order(lengths), key=lambda one: lengths[one]):
        number <<= lengths[symbol] - before
        before = lengths[symbol]
        code[symbol] = format(number, f"0{before}b")
        number += 1
    return code


def fixed_code(symbols: Iterable[Hashable]) -> Code:
    """Words of one length, ⌈log2 k⌉ bits and at least 1, for k distinct symbols in their order.

    >>> fixed_code("ABCD")
    {'A': '00', 'B': '01', 'C': '10', 'D': '11'}
    >>> len(encode("BCDADA", fixed_code("ABCD"))), compression_rate("BCDADA", fixed_code("ABCD"))
    (12, 4.0)
    """
    known = list(dict.fromkeys(symbols))
    width = max(1, (len(known) - 1).bit_length())
    return {symbol: format(number, f"0{width}b") for number, symbol in enumerate(known)}


def unary_code(symbols: Iterable[Hashable]) -> Code:
    """The first symbol is 0, the second 10, the third 110 …

    >>> code = unary_code("ABCDEF")
    >>> code["F"], len(encode("DFEADEEDE", code)), compression_rate("DFEADEEDE", code)
    ('111110', 39, 1.8461538461538463)
    """
    return {symbol: "1" * number + "0" for number, symbol in enumerate(dict.fromkeys(symbols))}


def encode(message: Iterable[Hashable], code: Mapping[Any, str]) -> str:
    """The message as a string of bits. Raises InvalidCode for a symbol that has no word.

    >>> encode("CAB", {"A": "0", "B": "10", "C": "11"})
    '11010'
    """
    try:
        return "".join([code[symbol] for symbol in message])
    except KeyError as error:
        raise InvalidCode(f"expected symbols of {list(code)!r}, got {error.args[0]!r}") from None


def decode(bits: str, code: Mapping[Any, str]) -> Any:
    """The message that was encoded: a text when every symbol of the code is one character, else a list.

    Raises InvalidCode when the code is not prefix-free, and for bits that are no words of it.

    >>> decode("11010", {"A": "0", "B": "10", "C": "11"})
    'CAB'
    >>> decode("0100", {7: "0", 8: "10"})
    [7, 8, 7]
    """
    words = _words(code)
    message: list[Any] = []
    start, end = 0, 1
    longest = max(map(len, words), default=0)
    while start < len(bits):
        word = bits[start:end]
        if word in words:
            message.append(words[word])
            start = end
        elif end - start >= longest or end >= len(bits):
            raise InvalidCode(f"expected a word of the code from bit {start} of {len(bits)} on, got {word!r}")
        end += 1
    text = bool(code) and all(isinstance(symbol, str) and len(symbol) == 1 for symbol in code)
    return "".join(message) if text or (not code and not bits) else message


# --- What a code costs ----------------------------------------------------------------------------------------------


def payload_bits(message: Iterable[Hashable], code: Mapping[Any, str]) -> int:
    """The bits of the encoded message, without the code itself. Raises InvalidCode.

    >>> [payload_bits(text, huffman_code(text)) for text in ("BCDADA", "DFEADEEDE", "BCAADDCADCACFACE")]
    [12, 16, 37]
    """
    counts = Counter(message)
    _need_words(counts, code)
    return sum(count * len(code[symbol]) for symbol, count in counts.items())


def compression_rate(
    message: Sequence[Hashable], code: Mapping[Any, str], *, symbol_bits: float = CHARACTER_BITS
) -> float:
    """How many times shorter the payload is than symbols of symbol_bits each; 1 for an empty message.

    >>> [compression_rate(text, huffman_code(text)) for text in ("BCDADA", "DFEADEEDE", "BCAADDCADCACFACE")]
    [4.0, 4.5, 3.4594594594594597]
    """
    payload = payload_bits(message, code)
    return len(message) * symbol_bits / payload if payload else 1.0


def file_rate(
    message: Sequence[Hashable],
    code: Mapping[Any, str],
    *,
    table_bits: int = 0,
    symbol_bits: float = CHARACTER_BITS,
) -> float:
    """The rate of what lies on the disk: payload and table_bits of the code's own, padded to whole bytes.

    >>> file_rate("BCDADA", fixed_code("ABCD")), file_rate("DFEADEEDE", unary_code("ABCDEF"))
    (3.0, 1.8)
    >>> file_rate("BCAADDCADCACFACE", huffman_code("BCAADDCADCACFACE"))
    3.2
    """
    whole = 8 * math.ceil((payload_bits(message, code) + table_bits) / 8)
    return len(message) * symbol_bits / whole if whole else 1.0


def expected_length(p: Distribution, code: Mapping[Any, str]) -> float:
    """L = Σ p · length of the word, in bits per symbol. Raises InvalidCode, InvalidDistribution."""
    sent = {symbol: share for symbol, share in shares(p).items() if share > 0}
    _need_words(sent, code)
    return math.fsum(share * len(code[symbol]) for symbol, share in sent.items())


def redundancy(p: Distribution, code: Mapping[Any, str]) -> float:
    """L - H: KL(p, q) for the q = 2^-length that the code was made for (Cover & Thomas, Eq. 5.25), bits per symbol.

    >>> round(redundancy("BCDADA", fixed_code("ABCD")), 4)
    0.0817
    >>> round(redundancy("DFEADEEDE", unary_code("ABCDEF")), 4)
    2.5806
    >>> round(redundancy("BCAADDCADCACFACE", huffman_code("BCAADDCADCACFACE")), 4)
    0.0609
    """
    return expected_length(p, code) - entropy(p)


def kraft_sum(code: Mapping[Any, str | int]) -> float:
    """Σ 2^-length over the words, or over lengths: at most 1 for a prefix code (Kraft 1949), 1 when none is wasted.

    >>> kraft_sum(huffman_code("BCAADDCADCACFACE")), kraft_sum(huffman_code("AAAA"))
    (1.0, 0.5)
    """
    return math.fsum(2.0 ** -(word if isinstance(word, int) else len(word)) for word in code.values())


# --- Behind the doors -----------------------------------------------------------------------------------------------


def _lengths(weights: Mapping[Any, float]) -> dict[Any, int]:
    """Symbol -> length of its Huffman word. Of equal weights the shallower tree goes first, then later symbols."""
    if len(weights) == 1:
        return dict.fromkeys(weights, 1)
    heap: list[tuple[float, int, int, list[Any]]] = [
        (weights[symbol], 0, -number, [symbol]) for number, symbol in enumerate(_in_order(weights))
    ]
    heapq.heapify(heap)
    lengths = dict.fromkeys(weights, 0)
    for number in range(1, len(heap)):
        one, other = heapq.heappop(heap), heapq.heappop(heap)
        symbols = one[3] + other[3]
        for symbol in symbols:
            lengths[symbol] += 1
        heapq.heappush(heap, (one[0] + other[0], max(one[1], other[1]) + 1, number, symbols))
    return lengths


def _need_words(symbols: Iterable[Any], code: Mapping[Any, str]) -> None:
    missing = [symbol for symbol in symbols if symbol not in code]
    if missing:
        raise InvalidCode(f"expected symbols of {list(code)!r}, got {missing[0]!r}")


def _in_order(symbols: Iterable[Any]) -> list[Any]:
    known = list(symbols)
    try:
        return sorted(known)
    except TypeError:
        return known


def _words(code: Mapping[Any, str]) -> dict[str, Any]:
    """Word -> symbol. Raises InvalidCode when two words are the same, or one begins another."""
    words = {word: symbol for symbol, word in code.items()}
    ordered = sorted(words)
    clash = next((pair for pair in itertools.pairwise(ordered) if pair[1].startswith(pair[0])), None)
    odd = [word for word in ordered if not word or set(word) - {"0", "1"}]
    if odd or clash or len(words) < len(code):
        got = repr(odd[0]) if odd else " and ".join(map(repr, clash)) if clash else "one word twice"
        raise InvalidCode(f"expected words of 0 and 1 of which none begins another, got {got}")
    return words
