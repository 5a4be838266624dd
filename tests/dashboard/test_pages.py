"""The pages on a real database: what they show, and where they lead."""

from __future__ import annotations

import re

import pytest


def rows(page):
    """The numbers of the trials in the table of trials, in order."""
    return [int(re.match(r"\d+", one.text).group()) for one in page.all("th", class_="of-trials")]


def all_rows(look, path):
    """The same over all pages, and how many pages there are."""
    shown, page, count = [], look(path), 1
    while True:
        shown += rows(page)
        if not any(one.text == "Next page" for one in page.all("a")):
            return shown, count, page
        page, count = look(page.link("Next page").partition("#")[0]), count + 1


def test_an_empty_server_shows_the_six_lines_that_begin(look):
    page = look("/")
    snippet = page.one("pre").text
    assert len(snippet.splitlines()) == 6
    assert 'trimtab.Client("http://127.0.0.1")' in snippet
    compile(snippet, "snippet", "exec")


def test_the_list_says_what_each_study_found(look, fill):
    fill("first", 3, objectives={"accuracy": "maximize"})
    fill("second", 12, failing=4, max_trials=50)
    page = look("/")
    assert [one.text for one in page.all("th", scope="row")] == ["second", "first"]
    assert page.link("second") == "/s/second"
    found = [" ".join(one.text.split()) for one in page.all("td", class_="found")]
    assert re.fullmatch(r"\d+ models? on the front ?hypervolume [\d.]+", found[0])
    assert re.fullmatch(r"accuracy 0\.\d+", found[1])
    strips = page.all("svg", class_="strip")
    assert strips[0].attributes["aria-label"] == "9 complete, 3 failed, 50 left in the budget"
    assert "9 complete" in page.text
    goals = [" ".join(one.text.split()) for one in page.all("li") if "imize" in one.text]
    assert goals == ["accuracy ↑ maximize", "size_bytes ↓ minimize", "accuracy ↑ maximize"]


def test_the_list_goes_on_page_by_page(api, look, fill):
    for place in range(21):
        fill(f"study-{place}", 0)
    page = look("/")
    assert len(page.all("th", scope="row")) == 20
    rest = look(page.link("Older studies"))
    assert [one.text for one in rest.all("th", scope="row")] == ["study-0"]
    assert rest.link("Newest") == "/"


def test_a_study_of_which_nothing_is_known_yet_shows_how_to_ask(look, fill):
    fill("s", 0)
    page = look("/s/s")
    assert "No trial yet: this study waits for the first ask." in page.text
    assert 'trial.tell({"accuracy": …, "size_bytes": …})' in page.one("pre").text
    assert page.all("svg", class_="chart") == []


def test_three_trials_make_a_whole_page(look, fill):
    fill("s", 3)
    page = look("/s/s")
    assert len(page.all("svg", class_="chart")) == 2
    assert "1 to 3 of 3" in page.text
    assert page.link("All as CSV") == "/v1/studies/s/trials?format=csv"


def test_a_study_is_found_by_its_public_id_too(api, look, fill):
    fill("s", 1)
    public_id = api.get("/v1/studies/s").json()["id"]
    assert look(f"/s/{public_id}").one("h1").text == "s"


def test_three_hundred_trials_come_page_by_page_without_gap_or_repeat(look, fill):
    fill("s", 300, failing=10)
    shown, pages, page = all_rows(look, "/s/s")
    assert shown == list(range(299, -1, -1))
    assert pages == 6
    assert "251 to 300 of 300" in page.text
    assert page.link("First page") == "/s/s#trials"


def test_each_page_of_an_order_by_metric_goes_on_where_the_last_one_ended_and_failures_come_last(api, look, fill):
    fill("s", 120, failing=10)
    values = {
        one["number"]: one["values"].get("accuracy")
        for one in api.get("/v1/studies/s/trials?limit=1000").json()["items"]
    }
    shown, _, _ = all_rows(look, "/s/s?order=-accuracy")
    complete = sorted((number for number, value in values.items() if value), key=lambda number: -values[number])
    assert shown == complete + [number for number, value in values.items() if value is None]


def test_params_can_be_ordered_by_page_after_page(api, look, fill):
    fill("s", 120)
    lr = {one["number"]: one["params"]["lr"] for one in api.get("/v1/studies/s/trials?limit=1000").json()["items"]}
    shown, _, _ = all_rows(look, "/s/s?order=param:lr")
    assert shown == sorted(lr, key=lambda number: lr[number])


def test_headings_are_links_that_order(look, fill):
    fill("s", 5)
    page = look("/s/s?order=-accuracy")
    assert page.link("accuracy ↑ ▾") == "/s/s?order=accuracy#trials"
    assert page.link("size_bytes ↓") == "/s/s?order=size_bytes#trials"
    assert page.link("lr") == "/s/s?order=param%3Alr#trials"
    assert [one.attributes["aria-sort"] for one in page.all("th") if "aria-sort" in one.attributes] == ["descending"]


def test_the_state_filter_counts_and_leads(look, fill):
    fill("s", 20, failing=5)
    page = look("/s/s?order=accuracy")
    assert page.link("all 20") == "/s/s?order=accuracy#trials"
    assert page.link("failed 4") == "/s/s?state=failed&order=accuracy#trials"
    failed = look("/s/s?state=failed")
    assert rows(failed) == [19, 14, 9, 4]
    assert "oom: out of memory in trial 19" in failed.text
    assert failed.link("These as CSV") == "/v1/studies/s/trials?format=csv&state=failed"


def test_the_text_filter_keeps_state_and_order(api, look, fill):
    fill("s", 60, failing=6)
    wanted = [
        one["number"]
        for one in api.get("/v1/studies/s/trials?limit=1000").json()["items"]
        if one["values"].get("accuracy", 0) > 0.9 and one["params"]["depth"] >= 3
    ]
    page = look("/s/s?where=accuracy+>+0.9+and+depth+>=+3&order=number")
    assert rows(page) == wanted
    assert page.one("input", id="where").attributes["value"] == "accuracy > 0.9 and depth >= 3"
    assert page.one("input", name="order").attributes["value"] == "number"
    csv = page.link("These as CSV")
    assert len(api.get(csv).text.splitlines()) == len(wanted) + 1


def test_a_filter_that_fits_nothing_says_so(look, fill):
    fill("s", 3)
    page = look("/s/s?where=accuracy+>+2")
    assert "No trial fits." in page.text
    assert page.link("Show all trials") == "/s/s#trials"


@pytest.mark.parametrize(
    "query",
    [
        "where=acc+>+1",
        "where=accuracy",
        "where=__import__('os')",
        "where=" + "(" * 500,
        "where=a" * 2 + "b" * 5_000,
        "order=nothing",
        "cursor=nonsense",
        "order=param:lr&cursor=nonsense",
        "order=-accuracy&cursor=WyJudW1iZXIiLDEsMV0",
    ],
)
def test_a_query_that_is_not_understood_is_answered_in_a_sentence(look, fill, query):
    fill("s", 3)
    page = look(f"/s/s?{query}", status=422)
    fault = page.one("p", role="alert")
    assert re.match(r"[A-Z'\"“].*\. Show all trials$|'.*", " ".join(fault.text.split()), re.DOTALL)
    assert page.link("Show all trials") == "/s/s#trials"
    assert "Traceback" not in page.text


@pytest.mark.parametrize("query", ["state=broken", "start=-1", "start=abc"])
def test_an_address_that_makes_no_sense_is_answered_with_a_page(look, fill, query):
    fill("s", 1)
    page = look(f"/s/s?{query}", status=422)
    assert "expected" in page.one("p", class_="lead").text.lower()
    assert page.link("All studies") == "/"


@pytest.mark.parametrize("name", ["unknown", "a%20b", "%3Cscript%3E", "st_0000000000000000", "x" * 3_000])
def test_an_unknown_study_is_a_page_that_says_so(look, name):
    page = look(f"/s/{name}", status=404)
    assert page.one("h1").text == "Not found"
    assert page.link("All studies") == "/"
    assert "Traceback" not in page.text


def test_the_top_says_version_and_database_and_offers_to_leave(look):
    page = look("/")
    assert re.search(r"Trimtab \d+\.\d+\.\d+ · SQLite 3\.\d+", page.text)
    assert page.one("form", action="/logout", method="post")


def test_the_files_of_the_pages_are_kept_by_browsers_and_open_to_all(api, look):
    sheet = look("/").one("link", rel="stylesheet").attributes["href"]
    answer = api.visitor().get(sheet)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]
    assert "url(" not in answer.text
    assert "@import" not in answer.text
    assert api.visitor().get("/static/..%2froutes.py").status_code in (303, 401, 404)
    assert api.visitor().get("/static/none.css").status_code == 404


def test_a_waiting_and_a_running_trial_are_shown_with_their_worker(api, look, fill):
    fill("s", 0)
    assert api.post("/v1/studies/s/ask", {"worker": "gpu-box-1"}).status_code == 201
    params = {"lr": 0.01, "depth": 1, "activation": "relu"}
    assert api.post("/v1/studies/s/enqueue", {"params": params}).status_code == 201
    page = look("/s/s")
    assert "gpu-box-1" in page.text
    assert "1 running" in page.text
    assert "1 waiting" in page.text


def test_a_paused_study_says_so(api, look, fill):
    fill("s", 1)
    assert api.patch("/v1/studies/s", {"state": "paused"}).status_code == 200
    assert look("/s/s").one("span", class_="pill").text == "paused"
    assert look("/").one("span", class_="pill").text == "paused"


def test_a_study_says_whether_it_is_active_and_when_its_budget_is_used_up(api, look, fill):
    fill("s", 1, max_trials=1)
    assert look("/s/s").one("span", class_="pill").text == "active"
    assert look("/").all("span", class_="pill") == []
    assert api.post("/v1/studies/s/ask", {}).status_code == 201
    assert look("/s/s").one("span", class_="pill").text == "budget used up"
    assert look("/").one("span", class_="pill").text == "budget used up"
