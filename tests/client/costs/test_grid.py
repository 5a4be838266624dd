"""The intensity of grids, against the published figures that they are taken from."""

import pytest

from trimtab.costs.grid import Grid, UnknownCountry, _grids, grid
from trimtab.errors import TrimtabError


@pytest.mark.parametrize(
    ("country", "intensity"),
    [("DEU", 380.95), ("FRA", 56.039), ("USA", 369.473), ("CHN", 582.317), ("NOR", 30.08)],
)
def test_a_country_has_its_published_intensity(country, intensity):
    assert grid(country) == Grid(country, intensity, 2023)


def test_each_figure_keeps_the_year_that_it_is_of():
    assert [grid(country).year for country in ("SWE", "IDN", "REU", "ESH")] == [2023, 2022, 2021, 2009]


@pytest.mark.parametrize("code", ["DE", "de", "deu", " DEU "])
def test_a_country_goes_by_two_letters_too_and_in_any_case(code):
    assert grid(code).country == "DEU"


def test_the_table_holds_213_countries_each_with_two_codes():
    codes = _grids()

    assert len([code for code in codes if len(code) == 3]) == len([code for code in codes if len(code) == 2]) == 213
    assert all(0 <= one.intensity < 1400 for one in codes.values())


@pytest.mark.parametrize("country", ["GER", "Germany", "", "EU", 276, None])
def test_what_is_no_code_of_the_table_is_refused_with_the_way_out(country):
    with pytest.raises(UnknownCountry, match=r"like 'DEU' or 'DE', got .*intensity=") as caught:
        grid(country)

    assert isinstance(caught.value, TrimtabError)
    assert isinstance(caught.value, ValueError)
    assert caught.value.code == "unknown_country"
