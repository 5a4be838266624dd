"""Numbers are written so that people can read and compare them, and nothing is lost."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab_service.usecases import numerals


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (512, "512 B"), (76.5, "76.5 B"), (999.6, "1 kB"), (1_000, "1 kB"), (61_213, "61.2 kB"),
     (999_999, "1 MB"), (1_048_576, "1.05 MB"), (3.2e12, "3.2 TB"), (-2_500, "-2.5 kB")],
)  # fmt: skip
def test_sizes_are_in_decimal_units_to_three_digits(number, text):
    assert numerals.size(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.97833, "0.9783"), (0.5, "0.5"), (3, "3"), (12_000, "12,000"), (1234.5678, "1,235"), (0.000012345, "1.234e-5"),
     (1e-5, "1e-5"), (1.5e9, "1.5e9"), (-0.25, "-0.25"), (0.0, "0"), (math.inf, "inf")],
)  # fmt: skip
def test_a_number_has_four_digits_and_no_idle_zeros(number, text):
    assert numerals.short(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False, width=64).filter(lambda x: x == 0 or 1e-300 < abs(x) < 1e300))
def test_a_short_number_reads_back_as_nearly_the_same(number):
    assert float(numerals.short(number).replace(",", "")) == pytest.approx(number, rel=6e-4)


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [("accuracy", 0.97833, "accuracy 0.9783"), ("size_bytes", 61_213, "size 61.2 kB"),
     ("latency_ms", 0.4213, "latency 0.421 ms"), ("macs", 43_200, "43.2 k MACs"),
     ("parameters", 950, "950 parameters"), ("energy_mj", 3.1, "energy 3.1 mJ"), ("f1_score", 0.5, "f1_score 0.5"),
     ("parameters_nonzero", 18_870, "18.9 k non-zero parameters"), ("macs_nonzero", 7_500, "7.5 k non-zero MACs"),
     ("serialized_bytes", 64_100, "file size 64.1 kB"), ("training_energy_j", 5_400, "training energy 5.4 kJ"),
     ("training_co2_g", 0.61, "training CO₂ 610 mg"), ("latency_ms", 1_250.4, "latency 1,250 ms")],
)  # fmt: skip
def test_a_metric_is_said_with_the_unit_in_its_name(metric, value, text):
    assert numerals.said(metric, value) == text


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [("energy_mj", 3.1, "3.1 mJ"), ("energy_mj", 0.0312, "31.2 µJ"), ("energy_mj", 4e-8, "0.04 nJ"),
     ("energy_mj", 999.6, "1 J"), ("energy_mj", 3.6e9, "3.6 MJ"), ("energy_mj", 0, "0 mJ"),
     ("training_energy_j", 0.25, "250 mJ"), ("training_energy_j", 999, "999 J"),
     ("training_energy_j", 7.2e6, "7.2 MJ"),
     ("co2_g", 3.28e-7, "328 ng"), ("co2_g", 4.2e-6, "4.2 µg"), ("co2_g", 0.5, "500 mg"), ("co2_g", 12, "12 g"),
     ("training_co2_g", 2_500, "2.5 kg"), ("training_co2_g", 1.5e6, "1.5 t"), ("co2_g", 0.0, "0 g"),
     ("co2_g", -2e-3, "-2 mg")],
)  # fmt: skip
def test_energy_and_co2_are_in_the_unit_in_which_a_person_reads_them(metric, value, text):
    assert numerals.amount(metric, value) == text


@pytest.mark.parametrize(
    ("value", "stderr", "text"),
    [("0.42 ms", "0.01 ms", "0.42 ± 0.01 ms"), ("3.1 mJ", "20 µJ", "3.1 mJ ± 20 µJ"),
     ("0.9783", "0.002", "0.9783 ± 0.002"), ("1 kB", "12 B", "1 kB ± 12 B"), ("1 g", "2 ng", "1 g ± 2 ng")],
)  # fmt: skip
def test_a_unit_that_a_value_shares_with_its_error_is_said_once(value, stderr, text):
    assert numerals.with_error(value, stderr) == text


def test_the_exact_number_is_kept_for_the_hover_text():
    assert numerals.exact("size_bytes", 61213.0) == "61,213 bytes"
    assert numerals.exact("accuracy", 0.9783306123) == "0.9783306123"
    assert numerals.exact("latency_ms", 0.42130001) == "0.42130001 ms"
    assert numerals.exact("training_energy_j", 5_400.0) == "5,400 J"
    assert numerals.exact("co2_g", 3.28e-07) == "3.28e-07 g"


def test_a_column_shares_its_decimals_unless_its_numbers_are_far_apart():
    assert numerals.shared_decimals([0.91, 0.98, 0.5]) == 4
    assert numerals.shared_decimals([1.0, 12.0]) == 0
    assert numerals.shared_decimals([1e-5, 0.1]) is None
    assert numerals.shared_decimals([]) is None
    assert numerals.shared_decimals([0.0, 0.25], digits=3) == 3


def test_multiples_of_a_step_are_told_apart():
    assert numerals.step_decimals(0.05) == 2
    assert numerals.step_decimals(2.5) == 1
    assert numerals.step_decimals(0.25) == 2
    assert numerals.step_decimals(20.0) == 0
