"""Codes and measures of information: the doctests, the worked examples, and what holds for every message."""

from __future__ import annotations

import doctest
import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab import coding, information
from trimtab.coding import (
    InvalidCode,
    InvalidDistribution,
    canonical_code,
    compression_rate,
    cross_entropy,
    decode,
    encode,
    entropy,
    entropy_bound,
    expected_length,
    file_rate,
    fixed_code,
    huffman_code,
    kl_divergence,
    kraft_sum,
    payload_bits,
    redundancy,
    unary_code,
)

FIRST, SECOND, THIRD = "BCDADA", "DFEADEEDE", "BCAADDCADCACFACE"
THIRD_LENGTHS = {"A": 2, "C": 2, "D": 2, "B": 3, "E": 4, "F": 4}
TEXTS = st.text(alphabet=st.characters(codec="utf-8"), max_size=60)


def test_the_examples_in_the_docstrings_are_true() -> None:
    results = [doctest.testmod(module) for module in (coding, information)]
    assert sum(result.attempted for result in results) > 20
    assert [result.failed for result in results] == [0, 0]


@pytest.mark.parametrize(
    ("message", "code", "bits", "rate", "on_disk", "divergence"),
    [
        (FIRST, fixed_code("ABCD"), 12, 4.0, 3.0, 0.0817),
        (SECOND, unary_code("ABCDEF"), 39, 1.8461538461538463, 1.8, 2.5806),
        (THIRD, canonical_code(THIRD_LENGTHS), 37, 3.4594594594594597, 3.2, 0.0609),
    ],
)
def test_a_worked_example(message, code, bits, rate, on_disk, divergence) -> None:
    assert len(encode(message, code)) == payload_bits(message, code) == bits
    assert compression_rate(message, code) == rate
    assert file_rate(message, code) == on_disk
    assert redundancy(message, code) == pytest.approx(divergence, abs=5e-5)
    assert decode(encode(message, code), code) == message


@pytest.mark.parametrize(
    ("message", "bits", "bound", "rate_at_bound", "huffman", "rate"),
    [
        (FIRST, 1.9183, 11.510, 4.1704, 12, 4.0),
        (SECOND, 1.7527, 15.774, 4.5643, 16, 4.5),
        (THIRD, 2.2516, 36.026, 3.5530, 37, 3.4594594594594597),
    ],
)
def test_the_bound_and_the_huffman_code_of_a_worked_example(
    message, bits, bound, rate_at_bound, huffman, rate
) -> None:
    assert entropy(message) == pytest.approx(bits, abs=5e-5)
    assert entropy_bound(message) == pytest.approx(bound, abs=5e-4)
    assert 8 * len(message) / entropy_bound(message) == pytest.approx(rate_at_bound, abs=5e-5)
    code = huffman_code(message)
    assert payload_bits(message, code) == huffman
    assert compression_rate(message, code) == rate


def test_the_third_example_has_the_lengths_of_the_book() -> None:
    assert {symbol: len(word) for symbol, word in huffman_code(THIRD).items()} == THIRD_LENGTHS


def test_entropies_of_the_two_distributions() -> None:
    p, q = (1 / 2, 1 / 4, 1 / 8, 1 / 8), (1 / 8, 1 / 2, 1 / 4, 1 / 8)
    assert entropy({"heads": 0.5, "tails": 0.5}) == 1
    assert entropy(p) == 1.75
    assert (cross_entropy(p, q), cross_entropy(q, p)) == (2.375, 2.25)
    assert (kl_divergence(p, q), kl_divergence(q, p)) == (0.625, 0.5)
    assert kl_divergence(p, p) == 0


def test_a_symbol_that_the_other_never_sends_is_infinitely_dear() -> None:
    assert kl_divergence({"a": 1}, {"b": 1}) == cross_entropy([1, 1], [1, 0]) == math.inf
    assert kl_divergence([1, 0], [1, 1]) == 1
    assert entropy([1, 0]) == 0


def test_bytes_are_counted_like_a_text() -> None:
    assert entropy(FIRST.encode()) == entropy(bytearray(FIRST.encode())) == entropy(FIRST)


def test_leading_zeros_stay() -> None:
    code = {"a": "000", "b": "001", "c": "01", "d": "1"}
    assert encode("aab", code) == "000000001"
    assert decode("000000001", code) == "aab"


def test_one_distinct_symbol_costs_one_bit_each() -> None:
    code = huffman_code("zzzzz")
    assert payload_bits("zzzzz", code) == 5
    assert decode(encode("zzzzz", code), code) == "zzzzz"


def test_nothing_is_a_message_too() -> None:
    assert huffman_code("") == {}
    assert encode("", {}) == ""
    assert decode("", {}) == ""
    assert entropy("") == entropy_bound("") == 0
    assert compression_rate("", {}) == file_rate("", {}) == 1


@given(TEXTS)
def test_every_text_comes_back(text: str) -> None:
    code = huffman_code(text)
    assert decode(encode(text, code), code) == text


@given(st.lists(st.integers(0, 300), max_size=200))
def test_every_list_of_numbers_comes_back(message: list[int]) -> None:
    code = huffman_code(message)
    assert decode(encode(message, code), code) == (message or "")


@given(st.dictionaries(st.integers(), st.integers(1, 10**6), min_size=2, max_size=50))
def test_a_huffman_code_wastes_no_word_and_less_than_a_bit(counts: dict[int, int]) -> None:
    code = huffman_code(counts)
    assert kraft_sum(code) == 1
    length, bound = expected_length(counts, code), entropy(counts)
    assert bound - 1e-9 <= length < bound + 1
    assert canonical_code({symbol: len(word) for symbol, word in code.items()}) == code


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=20), st.data())
def test_the_wrong_code_never_costs_less(weights: list[int], data: st.DataObject) -> None:
    others = data.draw(st.lists(st.integers(1, 1000), min_size=len(weights), max_size=len(weights)))
    assert cross_entropy(weights, others) >= entropy(weights) - 1e-9
    assert kl_divergence(weights, others) == pytest.approx(
        cross_entropy(weights, others) - entropy(weights), abs=1e-9
    )


def test_no_shorter_code_exists_for_a_small_alphabet() -> None:
    counts = Counter(THIRD)
    best = min(
        sum(count * length for count, length in zip(counts.values(), lengths, strict=True))
        for lengths in _all_lengths(len(counts))
    )
    assert payload_bits(THIRD, huffman_code(THIRD)) == best


def _all_lengths(symbols: int, left: float = 1.0) -> list[tuple[int, ...]]:
    """Every way to give words of at most six bits to so many symbols."""
    if symbols == 0:
        return [()]
    return [
        (length, *rest)
        for length in range(1, 7)
        if 2.0**-length <= left
        for rest in _all_lengths(symbols - 1, left - 2.0**-length)
    ]


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: encode("abc", {"a": "0", "b": "1"}), "got 'c'"),
        (lambda: payload_bits("abc", {"a": "0", "b": "1"}), "got 'c'"),
        (lambda: decode("011", {"a": "0", "b": "10", "c": "111"}), "from bit 1 of 3 on, got '11'"),
        (lambda: decode("01", {"a": "0", "b": "01"}), "none begins another, got '0' and '01'"),
        (lambda: decode("0", {"a": "0", "b": "0"}), "one word twice"),
        (lambda: decode("0", {"a": ""}), "got ''"),
        (lambda: decode("0", {"a": "02"}), "got '02'"),
        (lambda: canonical_code({"a": 1, "b": 1, "c": 1}), "at most 1, got 1.5"),
        (lambda: canonical_code({"a": 0}), "at least one bit"),
    ],
)
def test_what_is_no_code_is_refused(act, message) -> None:
    with pytest.raises(InvalidCode, match=message):
        act()


@pytest.mark.parametrize(
    "weights", [[-1, 2], [math.nan, 1], [math.inf, 1], [0, 0], {"a": "many"}], ids=["-", "nan", "inf", "0", "text"]
)
def test_what_is_no_distribution_is_refused(weights) -> None:
    with pytest.raises(InvalidDistribution, match="expected"):
        entropy(weights)


def test_lengths_that_overflow_by_less_than_a_float_shows_are_refused() -> None:
    with pytest.raises(InvalidCode, match="add up to at most 1"):
        canonical_code({"a": 1, "b": 1, "c": 60})
