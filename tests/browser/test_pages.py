"""The pages in a real browser: nothing is refused by their own policy, nothing is fetched elsewhere, all of it fits.

The browser and its driver are not part of the usual environment: see MISSING for what brings them.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.builders import DEFINITION, some_trials
from tests.servers import Server
from trimtab_service.domain.metric import COST_METRICS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LONG = "a" * 100
SIZES = {"desk": (1440, 900), "phone": (390, 844)}
PATHS = {"studies": "/", "study": "/s/digits", "large": "/s/large", "single": "/s/single", "empty": "/s/empty"}
PATHS |= {"long": f"/s/{LONG}", "trial": "/s/digits/0", "failed": "/s/digits/8", "reports": "/s/digits/40"}
PATHS |= {"costs": "/s/digits/42"}


def _missing(what: str) -> None:
    """Skip, or fail where everything has to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser that talks to nobody by itself."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing('playwright is missing: pip install "trimtab-service[slow]"')
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        _missing("chromium is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, chromium: Any) -> Iterator[Server]:
    """A server with studies of every size."""
    import httpx2

    folder: Path = tmp_path_factory.mktemp("pages")
    with Server(f"sqlite:///{folder / 'pages.db'}", folder / "server.log") as running:
        with httpx2.Client(base_url=running.url, headers={"Authorization": f"Bearer {running.key}"}) as client:
            _fill(client, "digits", 40, max_trials=60, metadata={"dataset": "digits", "note": "<b>&" + "x" * 300})
            _fill(client, "large", 1_000)
            _fill(client, "single", 30, objectives={"accuracy": "maximize"})
            _fill(client, "empty", 0)
            _fill(client, LONG, 0, objectives={"b" * 100: "maximize", "c" * 100: "minimize"})
            assert client.post("/v1/studies/digits/ask", json={"count": 2}).status_code == 201
            for step in range(30):
                report = {"epoch": 1, "step": step, "values": {"accuracy": 0.9 - 0.5 / (step + 1)}}
                assert client.post("/v1/studies/digits/trials/40/report", json=report).status_code == 200
            assert client.post("/v1/studies/digits/trials", json={"trials": [_costly()]}).status_code == 201
        yield running


def _costly() -> dict[str, Any]:
    """A trial with every cost, known in every way."""
    long = {"convention": "c" * 200, "device": {"name": "cpu " * 30, "threads": 1}}
    hows = dict(zip(COST_METRICS, itertools.cycle(("counted", "measured", "estimated", "looked up")), strict=False))
    costs = {
        metric: {"value": 123.456, "stderr": 7.89, "contract": {"how": how, **long}} for metric, how in hows.items()
    }
    params = {"lr": 0.01, "depth": 1, "activation": "relu"}
    return {"params": params, "values": {"accuracy": 0.9, **costs, "co2_g": 1.0}}


def _fill(client: Any, name: str, count: int, **changes: Any) -> None:
    made = client.post("/v1/studies", json={"name": name, **DEFINITION, **changes})
    assert made.status_code == 201, made.text
    trials = some_trials(count, failing=9)
    for start in range(0, count, 100):
        added = client.post(f"/v1/studies/{name}/trials", json={"trials": trials[start : start + 100]})
        assert added.status_code == 201, added.text


class Visitor:
    """A page of the browser, and what went wrong on it."""

    def __init__(self, context: Any, server: Server) -> None:
        self.url = server.url
        self.page = context.new_page()
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._watch)

    def _watch(self, request: Any) -> None:
        if not request.url.startswith((self.url, "data:")):
            self.elsewhere.append(request.url)

    def log_in(self, key: str) -> None:
        self.page.goto(f"{self.url}/login")
        self.page.get_by_label("Key").fill(key)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(f"{self.url}/")


@pytest.fixture
def visit(chromium: Any, server: Server) -> Iterator[Any]:
    """Open a browser of a size and a colour scheme, logged in."""
    contexts: list[Any] = []

    def open_browser(size: str = "desk", scheme: str = "light") -> Visitor:
        width, height = SIZES[size]
        context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        visitor = Visitor(context, server)
        visitor.log_in(server.key)
        return visitor

    yield open_browser
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
def test_every_page_fits_and_nothing_is_refused_or_fetched_elsewhere(visit, size, scheme):
    visitor = visit(size, scheme)
    for name, path in PATHS.items():
        answer = visitor.page.goto(visitor.url + path, wait_until="load")
        assert answer.status == 200
        wide = visitor.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} is {wide} px too wide on a {size}"
    assert visitor.complaints == []
    assert visitor.elsewhere == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(visit, scheme):
    visitor = visit("desk", scheme)
    for path in ("study", "costs"):
        visitor.page.goto(visitor.url + PATHS[path])
        for folded in visitor.page.locator("summary").all():
            folded.click()
        faint = visitor.page.evaluate(CONTRASTS)
        assert faint == [], "WCAG AA wants a contrast of 4.5"


@pytest.mark.parametrize("size", list(SIZES))
def test_a_contract_unfolds_by_keyboard_and_fits(visit, size):
    visitor = visit(size)
    page = visitor.page
    page.goto(visitor.url + PATHS["costs"])
    assert not page.get_by_text("exactly").first.is_visible()
    lines = page.locator(".cost summary").all()
    assert len(lines) == len(COST_METRICS)
    for line in lines:
        line.focus()
        page.keyboard.press("Enter")
    assert all(one.is_visible() for one in page.get_by_text("exactly").all())
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    assert visitor.complaints == []


def test_a_table_wider_than_a_phone_scrolls_within_its_box(visit):
    visitor = visit("phone")
    visitor.page.goto(f"{visitor.url}/s/digits")
    box = visitor.page.get_by_role("region", name="Table of trials")
    assert box.evaluate("one => one.scrollWidth > one.clientWidth")
    first = box.locator("tbody th").first
    before = first.bounding_box()["x"]
    box.evaluate("one => { one.scrollLeft = 200 }")
    assert box.evaluate("one => one.scrollLeft") == 200
    assert abs(first.bounding_box()["x"] - before) < 2, "the trial's number stays in sight"


def test_a_person_finds_a_trial_by_keyboard_and_link(visit):
    visitor = visit()
    page = visitor.page
    page.get_by_role("link", name="digits", exact=True).click()
    page.get_by_label("Where").fill("accuracy > 0.9")
    page.keyboard.press("Enter")
    page.wait_for_url("**where=accuracy*")
    assert page.get_by_label("Where").input_value() == "accuracy > 0.9"
    page.get_by_role("region", name="Table of trials").get_by_role("link", name="size_bytes").click()
    page.wait_for_url("**order=size_bytes*")
    assert page.locator("th[aria-sort=ascending]").inner_text().startswith("size_bytes")
    page.get_by_label("Where").fill("nothing > 1")
    page.keyboard.press("Enter")
    assert "expected names" in page.get_by_role("alert").inner_text()


def test_the_focus_can_be_seen(visit):
    visitor = visit()
    visitor.page.goto(f"{visitor.url}/s/digits")
    for _ in range(4):
        visitor.page.keyboard.press("Tab")
        outline = visitor.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"


def test_logging_out_closes_the_pages(visit):
    visitor = visit()
    visitor.page.get_by_role("button", name="Log out").click()
    visitor.page.wait_for_url("**/login")
    visitor.page.goto(f"{visitor.url}/s/digits")
    assert visitor.page.url == f"{visitor.url}/login"
    assert visitor.complaints == []


CONTRASTS = """() => {
  const read = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, place) => sum + c * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = one => {
    for (; one; one = one.parentElement) {
      const colour = read(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!own || one.closest("title")) continue;
    const style = getComputedStyle(one), colour = one.closest("svg") ? style.fill : style.color;
    const [a, b] = [light(read(colour)), light(behind(one))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) faint.push(`${one.tagName} ${one.textContent.trim().slice(0, 30)} ${ratio.toFixed(2)}`);
  }
  return faint;
}"""
