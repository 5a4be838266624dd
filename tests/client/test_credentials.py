"""Where the address and the key come from, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from trimtab import Client, InvalidCredentials
from trimtab.credentials import DEFAULT_URL, find_key, find_url, key_on_file


@pytest.fixture
def file(surroundings: Path) -> Path:
    path = surroundings / "trimtab" / "credentials"
    path.parent.mkdir(parents=True)
    path.write_text(
        '["http://127.0.0.1:8731"]\nkey = "tt_file"\n\n["sqlite:////srv/trimtab.db"]\nkey = "tt_database"\n'
    )
    return path


def test_what_is_passed_comes_first(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIMTAB_URL", "http://environment:1")
    monkeypatch.setenv("TRIMTAB_KEY", "tt_environment")
    with Client("http://passed:2/", "tt_passed") as client:
        assert (client.url, client.transport.key) == ("http://passed:2", "tt_passed")


def test_the_environment_comes_second(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIMTAB_URL", "http://environment:1/")
    monkeypatch.setenv("TRIMTAB_KEY", "tt_environment")
    with Client() as client:
        assert (client.url, client.transport.key) == ("http://environment:1", "tt_environment")


def test_the_file_comes_third_and_the_default_address_last(file: Path) -> None:
    with Client() as client:
        assert (client.url, client.transport.key) == (DEFAULT_URL, "tt_file")


def test_the_file_has_a_key_per_address(file: Path) -> None:
    assert find_key("http://127.0.0.1:8731") == "tt_file"
    assert key_on_file("sqlite:////srv/trimtab.db") == "tt_database"
    assert find_key("http://elsewhere:8731") is None


def test_without_a_file_there_is_no_key() -> None:
    assert find_url() == "http://127.0.0.1:8731"
    assert find_key(DEFAULT_URL) is None


def test_a_file_that_is_no_toml_is_named(file: Path) -> None:
    file.write_text("key: tt_yaml")
    with pytest.raises(InvalidCredentials, match="expected a TOML file") as caught:
        Client()
    assert str(file) in str(caught.value)


def test_an_address_without_a_key_is_an_address_without_a_key(file: Path) -> None:
    file.write_text('["http://127.0.0.1:8731"]\nnote = "mine"\n')
    assert find_key(DEFAULT_URL) is None
