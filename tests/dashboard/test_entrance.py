"""The way in: a key or a one-time address is traded for a session, and only for the right one."""

from __future__ import annotations

import pytest

from tests.api.builders import serving
from tests.dashboard.builders import seen
from tests.dashboard.conftest import OURS
from trimtab_service.usecases import keys

HTML = {"accept": "text/html"}


def token(api):
    return keys.login_token(api.rooms, api.key.split("_")[1])


def enter(api, key, **headers):
    return api.visitor(**HTML).post("/login", data={"key": key}, headers={**OURS, **headers})


def test_a_page_leads_those_who_are_not_logged_in_to_the_login(api):
    answer = api.visitor(**HTML).get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_the_key_opens_a_session_that_no_script_can_read(api):
    answer = enter(api, api.key)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    for part in ("httponly", "samesite=lax", "path=/", "max-age=43200"):
        assert part in cookie
    assert "secure" not in cookie
    assert api.key not in answer.text + answer.headers["set-cookie"]


def test_under_tls_the_cookie_is_secure_and_the_session_works(sqlite_url):
    with serving(sqlite_url, behind_proxy=True) as api:
        visitor = api.visitor(**HTML)
        visitor.base_url = "https://127.0.0.1"
        answer = visitor.post("/login", data={"key": api.key}, headers=OURS)
        assert "secure" in answer.headers["set-cookie"].lower()
        assert visitor.get("/").status_code == 200
        assert visitor.post("/logout", headers=OURS).status_code == 303
        assert visitor.get("/").status_code == 303


def test_spaces_around_a_pasted_key_do_no_harm(api):
    assert enter(api, f"  {api.key}\n").status_code == 303


@pytest.mark.parametrize(
    "key",
    ["tt_wrong", "tt_" + "0" * 300, "<script>alert(1)</script>", "ключ", "a\x00b", "' or 1=1 --"],
)
def test_a_wrong_key_is_refused_in_a_sentence_and_never_shown(api, key):
    answer = enter(api, key)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    page = seen(answer.text)
    assert page.one("p", role="alert").text.startswith(("This key is not known here", "Type or paste the key"))
    assert key not in page.text
    assert page.one("input", id="key").attributes.get("value") is None


@pytest.mark.parametrize(
    "body", [b"", b"key=", b"key=%ff%fe", b"\xff\xfe", b"other=1", b"&&&&&&&&&&&&&&&&&&&&", b"key"]
)
def test_a_form_without_a_key_asks_for_one(api, body):
    headers = {**OURS, "Content-Type": "application/x-www-form-urlencoded"}
    answer = api.visitor(**HTML).post("/login", content=body, headers=headers)
    assert answer.status_code == 401
    assert seen(answer.text).one("p", role="alert").text == "Type or paste the key."


def test_a_one_time_address_logs_in_once(api):
    once = token(api)
    visitor = api.visitor(**HTML)
    answer = visitor.get(f"/login?token={once}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert visitor.get("/").status_code == 200
    again = api.visitor(**HTML).get(f"/login?token={once}")
    assert again.status_code == 401
    assert "works once" in seen(again.text).one("p", role="alert").text
    assert once not in again.text


def test_a_one_time_address_of_a_revoked_key_opens_nothing(api):
    once = token(api)
    assert keys.revoke_key(api.rooms, api.key.split("_")[1])
    assert api.visitor(**HTML).get(f"/login?token={once}").status_code == 401


@pytest.mark.parametrize("given", ["", "x", "<b>", "%00", "%ff", "a" * 5_000])
def test_an_address_with_a_wrong_token_opens_nothing(api, given):
    answer = api.visitor(**HTML).get(f"/login?token={given}")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_the_login_page_asks_for_the_key(api):
    page = seen(api.visitor(**HTML).get("/login").text)
    assert page.one("form").attributes["action"] == "/login"
    assert page.one("input", id="key").attributes["type"] == "password"
    assert page.all("form", action="/logout") == []
    assert "it printed an address that logs in once, and where its key is" in page.text


def test_logging_out_ends_the_session_for_good(api, browser):
    secret = browser.cookies[keys.SESSION_COOKIE]
    answer = browser.post("/logout", headers=OURS)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert keys.SESSION_COOKIE not in browser.cookies
    assert api.visitor(**HTML).get("/", headers={"Cookie": f"{keys.SESSION_COOKIE}={secret}"}).status_code == 303


@pytest.mark.parametrize("path", ["/login", "/logout"])
@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}])
def test_another_sites_form_can_neither_log_in_nor_out(api, browser, path, headers):
    answer = browser.post(path, data={"key": api.key}, headers=headers)
    assert answer.status_code == 403
    assert browser.get("/").status_code == 200


def test_without_authentication_everybody_sees_the_pages_and_nobody_can_log_out(sqlite_url):
    with serving(sqlite_url, auth=False) as api:
        page = seen(api.visitor(**HTML).get("/").text)
        assert page.all("form", action="/logout") == []
