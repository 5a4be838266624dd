"""What no page ever contains: a script, an inline style, an address elsewhere, text that came in taken for markup."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from tests.dashboard.builders import seen

POISON = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'\"--></style></svg><b>",
    "javascript:alert(1)",
    "{{ 7*7 }}{% raw %}",
    "&lt;b&gt;\u202e\u2028",
]


def check(html):
    """What holds of every page: no script, no inline style, nothing from elsewhere."""
    page = seen(html)
    for one in page.elements:
        assert one.name not in ("script", "style", "iframe", "object", "embed", "base", "img"), one
        for name, value in one.attributes.items():
            assert not name.startswith("on"), one
            assert name != "style", one
            if name in ("href", "src", "action"):
                address = urlsplit(value)
                assert (address.scheme, address.netloc) == ("", ""), one
    ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    return page


def test_nothing_that_comes_in_can_break_out_of_a_page(api, browser, fill):
    metadata = {f"key {place} {text}": text for place, text in enumerate(POISON)}
    kinds = {"type": "categorical", "choices": POISON}
    fill("s", 0, space={"lr": {"type": "float", "low": 0, "high": 1}, "kind": kinds}, metadata=metadata)
    trials = [
        {
            "params": {"lr": 0.5, "kind": text},
            "state": "failed",
            "failure": {"kind": "error", "message": text + "\n" + text},
        }
        for text in POISON
    ]
    values = {"accuracy": 0.5, "size_bytes": 10}
    trials += [
        {"params": {"lr": 0.5, "kind": text}, "values": {**values, "accuracy": 0.5 + place / 100}}
        for place, text in enumerate(POISON)
    ]
    assert api.post("/v1/studies/s/trials", {"trials": trials}).status_code == 201
    for number, text in enumerate(POISON):
        shown = check(browser.get(f"/s/s/{number}").text)
        assert " ".join(text.split()) in shown.text
    html = browser.get("/s/s").text
    page = check(html)
    for text in POISON:
        assert text not in html or not set(text) & set("<>\"'&")
        assert " ".join(text.split()) in page.text
    for text in POISON:
        for name in ("where", "order", "cursor", "state", "start"):
            answer = browser.get("/s/s", params={name: text})
            assert answer.status_code == 422
            check(answer.text)
        check(browser.get("/", params={"cursor": text}).text)


def test_no_page_has_a_script_a_style_attribute_or_an_address_elsewhere(browser, api, fill):
    check(browser.get("/").text)
    fill("s", 60, failing=6)
    fill("none", 0)
    for path in (
        "/",
        "/s/s",
        "/s/none",
        "/s/unknown",
        "/login",
        "/s/s?where=x",
        "/s/s?state=failed",
        "/s/s/0",
        "/nope",
    ):
        answer = browser.get(path)
        check(answer.text)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("stripped", [True, False])
def test_behind_a_prefix_every_link_carries_it_and_works(api, fill, stripped):
    """stripped: the proxy takes the prefix away before it hands the request on."""
    fill("s", 60)
    visitor = api.visitor(root_path="/lab", accept="text/html")
    at = "" if stripped else "/lab"
    assert visitor.get(f"{at}/").headers["location"] == "/lab/login"
    answer = visitor.post(f"{at}/login", data={"key": api.key}, headers={"Sec-Fetch-Site": "same-origin"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/lab/")
    for path in ("/", "/s/s", "/s/s/3", "/s/unknown", "/nope", "/s/s?where=accuracy+>+0.5&order=param:lr"):
        page = check(visitor.get(at + path).text)
        for one in page.elements:
            for name in ("href", "action"):
                address = one.attributes.get(name, "")
                if address.startswith("#") or not address:
                    continue
                assert address.startswith("/lab/"), one
                if name == "href":
                    path_of = address.partition("#")[0]
                    reached = visitor.get(path_of.removeprefix("/lab") if stripped else path_of)
                    assert reached.status_code == 200, address
