"""An address that nothing is at: a page for people, a problem for programs, and neither hides another route."""

from __future__ import annotations

import pytest

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/studies/nope", "/nope", "/s/a/b/c", "/s", "/v1", "/favicon.ico"])
def test_a_browser_gets_a_page_that_says_so(look, path):
    page = look(path, status=404)
    assert page.one("h1").text == "Not found"
    assert page.one("p", class_="lead").text == "There is nothing at this address."
    assert page.link("All studies") == "/"


@pytest.mark.parametrize("path", ["/v1/nope", "/v1/studies/s/nope", "/metrics"])
def test_below_the_api_even_a_browser_gets_a_problem(api, path):
    answer = api.client.get(path, headers=HTML)
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_a_program_gets_a_problem(api):
    answer = api.client.get("/studies/nope", headers={"accept": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/nope", 404), ("GET", "/v1/studies/s/ask", 405), ("POST", "/s/s", 405), ("GET", "/healthz", 200)],
)
def test_what_other_routes_answer_stays_as_it_was(api, fill, method, path, status):
    fill("s", 0)
    answer = api.client.request(method, path, headers=HTML)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/")


def test_a_slash_at_the_end_leads_to_the_page_without_it(browser):
    answer = browser.get("/login/")
    assert answer.status_code in (307, 308)
    assert answer.headers["location"].endswith("/login")
    assert (
        "elsewhere.example" not in browser.get("//elsewhere.example/").headers.get("location", "").split("/", 3)[2:3]
    )


def test_who_is_not_logged_in_learns_nothing(api):
    answer = api.visitor(**HTML).get("/studies/nope")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
