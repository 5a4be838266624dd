"""Where the address and the key come from, and in which order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trimtab import Client, InvalidCredentials, ServerUnreachable
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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('["http://127.0.0.1:8731"]\nkey = 5\n', "got int"),
        ('["http://127.0.0.1:8731"]\nkey = ""\n', "got empty text"),
        ('["http://127.0.0.1:8731"]\nkey = "tt_é"\n', "got 'é' at place 3"),
        ('"http://127.0.0.1:8731" = "tt_secret"\n', r"expected a table \['http://127\.0\.0\.1:8731'\].*, got str"),
        ('"http://127.0.0.1:8731" = 5\n', "expected a table .*, got int"),
        ("a = " + "[" * 100_000, "expected a TOML file"),
    ],
)
def test_a_malformed_file_is_named_and_the_key_in_it_is_not(file: Path, text: str, words: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidCredentials, match=words) as caught:
        Client()
    assert str(file) in str(caught.value)
    assert "tt_secret" not in str(caught.value)


def test_a_file_that_is_no_text_is_named(file: Path) -> None:
    file.write_bytes(b'["http://127.0.0.1:8731"]\nkey = "tt_\xff"\n')
    with pytest.raises(InvalidCredentials, match="expected a TOML file") as caught:
        Client()
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("key", "words"), [("tt_é", "got 'é' at place 3"), ("tt_a\nb", r"got '\\n' at place 4"), (b"tt_a", "got bytes")]
)
def test_a_key_that_can_not_travel_is_refused_without_showing_it(key: Any, words: str) -> None:
    with pytest.raises(InvalidCredentials, match=f"expected a key like tt_…, .* from key=…, {words}"):
        Client("http://127.0.0.1:9", key=key)


def test_a_key_of_the_environment_that_can_not_travel_is_traced_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIMTAB_KEY", "tt_a b")
    with pytest.raises(InvalidCredentials, match="from TRIMTAB_KEY, got ' ' at place 4"):
        Client()


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://[::1",
            "http://127.0.0.1:99999",
            "http://exa mple",
            "127.0.0.1:8731",
            "lab",
            "ftp://lab",
            "http://",
        ),
        *("http://lab?study=1", "http://lab/\n", 5, b"http://lab"),
    ],
)
def test_what_is_no_address_is_refused_at_once(url: Any) -> None:
    with pytest.raises(ServerUnreachable, match=r"expected an address like http://127\.0\.0\.1:8731, got ") as caught:
        Client(url)
    assert repr(url) in str(caught.value)


def test_an_address_without_its_scheme_is_named_with_it() -> None:
    with pytest.raises(ServerUnreachable, match=r"got '127\.0\.0\.1:9'; is 'http://127\.0\.0\.1:9' meant\?"):
        Client("127.0.0.1:9")
    with pytest.raises(ServerUnreachable, match=r"got 'http://'$"):
        Client("http://")


@pytest.mark.parametrize("url", ["http://[::1]:8731", "https://lab/trimtab/", "http://user@lab", "HTTP://lab"])
def test_an_address_may_have_a_port_a_path_and_a_user(url: str) -> None:
    with Client(url) as client:
        assert client.url == url.rstrip("/")
