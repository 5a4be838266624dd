"""Symbols as bytes, and what Huffman codes would take."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from trimtab import coding
from trimtab.compression import CorruptStream, InvalidCompression, huffman

ALPHABETS = st.integers(1, 2**16)


def symbols_below(alphabet: int, size: int = 300):
    return npst.arrays(np.uint16, st.integers(0, size), elements=st.integers(0, alphabet - 1))


@pytest.mark.parametrize(("write", "read"), [(huffman.encode, huffman.decode), (huffman.pack, huffman.unpack)])
@given(data=st.data(), alphabet=ALPHABETS)
def test_every_array_comes_back(write, read, data, alphabet) -> None:
    symbols = data.draw(symbols_below(alphabet))
    back = read(write(symbols, alphabet), len(symbols), alphabet)
    assert np.array_equal(back, symbols)


@pytest.mark.parametrize(("write", "read"), [(huffman.encode, huffman.decode), (huffman.pack, huffman.unpack)])
@pytest.mark.parametrize(
    "symbols",
    [
        np.zeros(0, np.uint16),
        np.zeros(100_001, np.uint16),
        np.arange(2**16).astype(np.uint16),
        np.random.default_rng(0).integers(0, 2**16, 2**17).astype(np.uint16),
        np.random.default_rng(0).integers(0, 7, 2**20 + 3).astype(np.uint16),
    ],
    ids=["empty", "one symbol", "every symbol once", "every symbol", "more than a block"],
)
def test_extreme_arrays_come_back(write, read, symbols) -> None:
    alphabet = max(1, int(symbols.max(initial=0)) + 1)
    assert np.array_equal(read(write(symbols, alphabet), len(symbols), alphabet), symbols)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=60))
def test_the_payload_is_what_the_code_of_strings_takes(counts: list[int]) -> None:
    code = coding.huffman_code(dict(enumerate(counts)))
    expected = sum(count * len(code[symbol]) for symbol, count in enumerate(counts) if count)
    assert huffman.payload_bits(np.array(counts)) == expected


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=300))
def test_the_payload_lies_within_a_bit_of_the_entropy(counts: list[int]) -> None:
    array = np.array(counts)
    bound = huffman.entropy_bits(array)
    assert bound - 1e-6 <= huffman.payload_bits(array) < bound + array.sum()
    assert bound == pytest.approx(array.sum() * coding.entropy(counts), rel=1e-9)


def test_one_symbol_takes_a_bit_each_time_and_nothing_takes_nothing() -> None:
    assert huffman.payload_bits(np.array([0, 9, 0])) == 9
    assert huffman.payload_bits(np.zeros(4, int)) == 0
    assert huffman.entropy_bits(np.array([0, 9, 0])) == huffman.entropy_bits(np.zeros(4, int)) == 0


@pytest.mark.parametrize("alphabet", [2, 3, 4, 6, 16, 40, 256])
def test_the_codes_come_near_the_bound_on_many_symbols(alphabet) -> None:
    spread = np.random.default_rng(0).normal(alphabet / 2, alphabet / 8 + 0.5, 200_000)
    symbols = np.clip(spread, 0, alphabet - 1).astype(np.uint16)
    data = huffman.encode(symbols, alphabet)
    bound = huffman.entropy_bits(np.bincount(symbols)) / 8
    assert bound <= len(data) <= 1.03 * bound


@pytest.mark.parametrize("alphabet", [16, 300])
def test_bytes_that_do_not_hold_the_symbols_are_refused(alphabet) -> None:
    symbols = np.arange(200, dtype=np.uint16) % 16
    coded, packed = huffman.encode(symbols, alphabet), huffman.pack(symbols, alphabet)
    for broken in (coded[:-1], coded + b"\0", b"", b"\xff" * 20):
        with pytest.raises(CorruptStream, match="expected"):
            huffman.decode(broken, 200, alphabet)
    for broken in (packed[:-1], packed + b"\0"):
        with pytest.raises(CorruptStream, match="expected"):
            huffman.unpack(broken, 200, alphabet)
    for count in (199, 201):
        with pytest.raises(CorruptStream, match="expected Huffman codes"):
            huffman.decode(coded, count, alphabet)


def test_symbols_outside_the_alphabet_are_refused_when_read() -> None:
    symbols = np.array([0, 5, 2], np.uint16)
    with pytest.raises(CorruptStream, match="below 5, got 5"):
        huffman.decode(huffman.encode(symbols, 8), 3, 5)


@pytest.mark.parametrize("write", [huffman.encode, huffman.pack])
@pytest.mark.parametrize(("symbols", "alphabet"), [([0, 5, 2], 5), ([300], 256), ([9], 1)])
def test_symbols_outside_the_alphabet_are_refused_when_written(write, symbols, alphabet) -> None:
    with pytest.raises(InvalidCompression, match=f"below {alphabet}, got {max(symbols)}"):
        write(np.array(symbols, np.uint16), alphabet)


@pytest.mark.parametrize("read", [huffman.decode, huffman.unpack])
@pytest.mark.parametrize("alphabet", [2, 16, 300])
@pytest.mark.parametrize("count", [10**6, 2**70])
def test_more_symbols_than_the_bytes_have_bits_are_refused(read, alphabet, count) -> None:
    with pytest.raises(CorruptStream, match="expected"):
        read(bytes(1000), count, alphabet)


@given(st.binary(max_size=60), st.integers(0, 2**64), ALPHABETS)
def test_any_bytes_are_symbols_of_the_alphabet_or_refused(data: bytes, count: int, alphabet: int) -> None:
    for read in (huffman.decode, huffman.unpack):
        try:
            symbols = read(data, count, alphabet)
        except CorruptStream:
            continue
        assert len(symbols) == count
        assert symbols.max(initial=0) < alphabet
