"""The formulas of energy and CO2, by hand count, and what a site refuses."""

import math

import pytest

from trimtab.costs.footprint import InvalidSite, Site, co2_grams, energy_kwh, recompute_co2
from trimtab.costs.grid import UnknownCountry
from trimtab.errors import TrimtabError


def test_energy_is_pue_times_the_powers_times_the_time():
    assert energy_kwh(7200, gpu=250, cpu=100, ram=20, pue=1.58) == pytest.approx(1.58 * 370 * 2 / 1000)
    assert energy_kwh(3600, cpu=1000) == 1.0


def test_co2_is_energy_times_intensity():
    assert co2_grams(2.5, 400) == 1000
    assert co2_grams(0.0, 400) == 0


def test_the_same_energy_on_another_grid_is_recomputed_from_the_energy_alone():
    contract = {"pue": 1.2}

    assert recompute_co2(3.6e6, contract, 56.039) == pytest.approx(56.039)
    assert recompute_co2(3.6e6, contract, 56.039, pue=1.2) == pytest.approx(56.039)
    assert recompute_co2(3.6e6, contract, 100, pue=1.5) == pytest.approx(100 * 1.5 / 1.2)


@pytest.mark.parametrize("contract", [{}, {"pue": None}, {"pue": 0.0}])
def test_another_pue_needs_the_one_that_was_told(contract):
    with pytest.raises(InvalidSite, match="with its pue"):
        recompute_co2(3.6e6, contract, 100, pue=1.5)


def test_a_stated_intensity_goes_before_the_countrys():
    assert Site(country="NOR", intensity=12.5).grams_per_kwh == 12.5
    assert Site(country="NOR", intensity=12.5).grid_contract() == {
        "intensity_g_per_kwh": 12.5,
        "intensity_source": "stated",
    }


def test_a_countrys_intensity_comes_with_source_and_year():
    contract = Site(country="fr").grid_contract()

    assert (contract["intensity_g_per_kwh"], contract["country"], contract["year"]) == (56.039, "FRA", 2023)
    assert "Our World in Data" in contract["intensity_source"]


def test_a_site_without_a_grid_has_no_intensity():
    assert Site(watts=15).grams_per_kwh is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"watts": 0}, "watts: expected a power above 0 W, got 0"),
        ({"watts": -3.0}, "watts: expected"),
        ({"watts": math.nan}, "watts: expected"),
        ({"watts": "15"}, "watts: expected .* got '15'"),
        ({"watts": True}, "watts: expected"),
        ({"intensity": -1}, "intensity: expected g CO2 per kWh, 0 or more, got -1"),
        ({"intensity": math.inf}, "intensity: expected"),
        ({"pue": 0.9}, "pue: expected 1 or more, got 0.9"),
        ({"pue": None}, "pue: expected"),
    ],
)
def test_a_site_refuses_numbers_that_can_not_be(given, expected):
    with pytest.raises(InvalidSite, match=expected) as caught:
        Site(**given)

    assert isinstance(caught.value, TrimtabError)
    assert isinstance(caught.value, ValueError)
    assert caught.value.code == "invalid_site"


def test_a_site_refuses_a_country_without_a_grid():
    with pytest.raises(UnknownCountry):
        Site(country="XXX")
