from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts

from tests.api.builders import Api, definition, serving
from trimtab_service.api.auth import Attempts
from trimtab_service.api.errors import TooManyAttempts
from trimtab_service.usecases import keys

GARBAGE = [
    "",
    "Bearer",
    "Bearer ",
    "Bearer tt_x",
    "Bearer tt_00000000_" + "0" * 43 + "_000000",
    "Bearer ' OR 1=1 --",
    "Bearer " + "x" * 5_000,
    "Basic YWRtaW46YWRtaW4=",
    "tt_00000000",
    "Bearer tt_a\x00b_c_d",
]
OPEN = {"/healthz", "/readyz", "/login"}


def routes(api: Api) -> list[tuple[str, str]]:
    """Every method and path of the app, with something in the place of its parameters; a mount counts as one path."""
    found = []
    for route in iter_route_contexts(api.app.routes):
        path = (route.path or "").replace("{study}", "digits").replace("{number}", "0")
        path = path.replace("{study_name}", "digits").replace("{path:path}", "x")
        found += [(method, path) for method in sorted(route.methods or {"GET"})]
    return found


def is_open(path: str) -> bool:
    return path in OPEN or path.startswith("/static")


def test_there_is_no_route_without_a_key_but_the_open_ones(api: Api) -> None:
    api.study()
    matrix = routes(api)
    assert ("POST", "/v1/studies/digits/ask") in matrix
    assert ("GET", "/openapi.json") in matrix

    for method, path in matrix:
        if is_open(path):
            continue
        no_key = api.visitor().request(method, path)
        garbage = api.visitor(Authorization="Bearer tt_x").request(method, path)
        stale = api.visitor(Cookie="trimtab_session=stale").request(method, path)

        for response in (no_key, garbage, stale):
            assert response.status_code == 401, (method, path, response.status_code)
            assert response.headers["www-authenticate"].startswith("Bearer")
            if method != "HEAD":
                assert response.json()["code"] == "unauthorized"


def test_every_route_answers_somebody_with_a_key(api: Api) -> None:
    api.study()

    for method, path in routes(api):
        if method == "DELETE" or path in ("/login", "/logout"):
            continue
        response = api.client.request(method, path)

        assert response.status_code not in (401, 403, 500), (method, path, response.text)


def test_an_unknown_path_tells_nothing_to_somebody_without_a_key(api: Api) -> None:
    assert api.visitor().get("/v1/nothing").status_code == 401
    assert api.visitor().get("/v1/studies/none").status_code == 401
    assert api.get("/v1/nothing").status_code == 404


@pytest.mark.parametrize(
    "path", ["//healthz", "/healthz/../v1/studies", "/login/../v1/studies", "/Healthz", "/%2e/login"]
)
def test_a_path_is_open_only_as_it_is_spelled(api: Api, path: str) -> None:
    assert api.visitor().get(path).status_code in (401, 404)
    assert api.visitor().get("/static/../v1/studies").status_code in (401, 404)


def test_garbage_is_no_key(api: Api) -> None:
    for authorization in GARBAGE:
        response = api.visitor(Authorization=authorization).get("/v1/studies")

        assert (response.status_code, response.json()["code"]) == (401, "unauthorized"), authorization


def test_a_key_with_one_letter_changed_or_cut_is_no_key(api: Api) -> None:
    changed = api.key[:-1] + ("a" if api.key[-1] != "a" else "b")

    for key in (changed, api.key[:-1], api.key + "x", api.key.replace("tt_", "TT_")):
        assert api.visitor(Authorization=f"Bearer {key}").get("/v1/studies").status_code == 401
    assert api.visitor(Authorization=f"bearer {api.key}").get("/v1/studies").status_code == 200


def test_a_revoked_key_is_refused_at_once(api: Api) -> None:
    other = keys.make_key(api.rooms)
    visitor = api.visitor(Authorization=f"Bearer {other.text}")
    assert visitor.get("/v1/studies").status_code == 200

    keys.revoke_key(api.rooms, other.key_id)

    assert visitor.get("/v1/studies").status_code == 401


def test_a_wrong_key_is_refused_although_a_session_is_there(api: Api) -> None:
    visitor = api.visitor(Authorization="Bearer tt_x", Cookie=f"trimtab_session={session(api)}")

    assert visitor.get("/v1/studies").status_code == 401


def session(api: Api) -> str:
    secret = keys.open_session(api.rooms, api.key)
    assert secret is not None
    return secret


def test_a_session_opens_the_api_until_it_is_closed(api: Api) -> None:
    secret = session(api)
    visitor = api.visitor(Cookie=f"trimtab_session={secret}")
    assert visitor.get("/v1/studies").status_code == 200

    keys.close_session(api.rooms, secret)

    assert visitor.get("/v1/studies").status_code == 401


SITES: list[tuple[dict[str, str], bool]] = [
    ({"Sec-Fetch-Site": "same-origin"}, True),
    ({"Sec-Fetch-Site": "none"}, True),
    ({"Sec-Fetch-Site": "same-site"}, False),
    ({"Sec-Fetch-Site": "cross-site"}, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"}, False),
    ({"Sec-Fetch-Site": ""}, False),
    ({"Origin": "http://127.0.0.1"}, True),
    ({"Origin": "https://127.0.0.1"}, True),
    ({"Origin": "http://127.0.0.1:8000"}, False),
    ({"Origin": "http://127.0.0.1.rebound.example"}, False),
    ({"Origin": "http://rebound.example"}, False),
    ({"Origin": "http://["}, False),
    ({"Origin": "null"}, False),
    ({"Origin": ""}, False),
    ({}, False),
]


@pytest.mark.parametrize(("headers", "allowed"), SITES)
def test_a_session_changes_things_only_from_our_own_pages(api: Api, headers: dict[str, str], allowed: bool) -> None:
    visitor = api.visitor(Cookie=f"trimtab_session={session(api)}", **headers)

    response = visitor.post("/v1/studies", json=definition())

    assert response.status_code == (201 if allowed else 403), response.text
    assert visitor.get("/v1/studies").status_code == 200
    assert len(api.get("/v1/studies").json()["items"]) == int(allowed)
    if not allowed:
        assert response.json()["code"] == "forbidden"


def test_a_key_needs_no_page(api: Api) -> None:
    for place, (headers, _) in enumerate(SITES):
        assert api.post("/v1/studies", definition(f"s{place}"), headers=headers).status_code == 201, headers


def test_another_site_can_not_log_somebody_in(api: Api) -> None:
    for site in ("cross-site", "same-site"):
        assert api.visitor(**{"Sec-Fetch-Site": site}).post("/login").status_code == 403
    assert api.visitor(Origin="http://rebound.example").post("/login").status_code == 403
    assert api.visitor(Origin="http://127.0.0.1").post("/login").status_code != 403


def test_a_person_without_a_session_is_sent_to_the_login_page(api: Api) -> None:
    browser = api.visitor(Accept="text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")

    for path in ("/", "/studies/digits", "/anything"):
        response = browser.get(path)
        assert (response.status_code, response.headers["location"]) == (303, "/login")
    for path in ("/v1/studies", "/openapi.json", "/metrics"):
        assert browser.get(path).status_code == 401
    assert browser.post("/logout").status_code == 401


def test_a_proxy_may_put_a_prefix_in_front(api: Api) -> None:
    browser = api.visitor(root_path="/tuning", Accept="text/html")
    worker = api.visitor(root_path="/tuning", Authorization=f"Bearer {api.key}")
    nan = {"content": b"NaN", "headers": {"Content-Type": "application/json"}}

    assert browser.get("/tuning/healthz").status_code == 200
    assert browser.get("/tuning/v1/studies").status_code == 401
    assert browser.get("/tuning/").headers["location"] == "/tuning/login"
    assert worker.get("/tuning/v1/studies").status_code == 200
    assert worker.post("/tuning/v1/studies", **nan).json()["code"] == "invalid_json"


def test_wrong_keys_are_counted_per_address_and_right_ones_never_locked_out(api: Api) -> None:
    wrong = api.visitor(Authorization="Bearer tt_x")
    answers = [wrong.get("/v1/studies").status_code for _ in range(7)]
    assert answers == [401] * 5 + [429] * 2
    assert 1 <= int(wrong.get("/v1/studies").headers["retry-after"]) <= 61

    wrong.headers["Authorization"] = f"Bearer {api.key}"

    assert wrong.get("/v1/studies").status_code == 200
    assert api.visitor(Authorization="Bearer tt_x").get("/v1/studies").status_code == 401


def test_a_missing_key_is_no_attempt(api: Api) -> None:
    visitor = api.visitor()

    assert [visitor.get("/v1/studies").status_code for _ in range(10)] == [401] * 10


def test_wrong_attempts_are_forgotten_after_a_minute() -> None:
    now = [0.0]
    attempts = Attempts(clock=lambda: now[0])
    for _ in range(5):
        attempts.add("10.0.0.1")
    with pytest.raises(TooManyAttempts):
        attempts.add("10.0.0.1")
    attempts.add("10.0.0.2")

    now[0] = 60.1

    attempts.add("10.0.0.1")


def test_attempts_from_very_many_addresses_do_not_fill_the_memory() -> None:
    now = [0.0]
    attempts = Attempts(clock=lambda: now[0])
    for place in range(25_000):
        now[0] += 0.1
        attempts.add(str(place))

    assert len(attempts._failed) <= 10_001


@pytest.fixture
def open_api(sqlite_url: str) -> Iterator[Api]:
    """A server without authentication."""
    with serving(sqlite_url, auth=False) as running:
        yield running


def test_without_authentication_everybody_is_let_in(open_api: Api) -> None:
    visitor = open_api.visitor()

    made = visitor.post("/v1/studies", json=definition(), headers={"Idempotency-Key": "k"})
    again = visitor.post("/v1/studies", json=definition(), headers={"Idempotency-Key": "k"})

    assert (made.status_code, again.status_code) == (201, 201)
    assert again.json() == made.json()
    assert visitor.get("/openapi.json").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://rebound.example"}],
)
def test_without_authentication_other_sites_pages_still_can_not_change_anything(
    open_api: Api, headers: dict[str, Any]
) -> None:
    response = open_api.visitor(**headers).post("/v1/studies", json=definition())

    assert (response.status_code, response.json()["code"]) == (403, "forbidden")
