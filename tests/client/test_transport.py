"""When the client tries again, how long it waits, and what it says when it gives up."""

from __future__ import annotations

import logging
import math
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import pytest

from tests.client.fake_server import KEY, FakeServer
from trimtab.errors import (
    Conflict,
    IdempotencyKeyReused,
    Invalid,
    InvalidValue,
    ServerError,
    ServerUnreachable,
    TrimtabError,
    Unauthorized,
    Unavailable,
)
from trimtab.transport import CAP, TRIES_AT_500, Pauses, Transport

Answer = httpx2.Response | Exception


class Script:
    """Answers one after the other; the last one for ever. Time stands still but for the pauses."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []
        self.slept: list[float] = []
        self.now = 0.0

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def transport(self, *, uniform: Callable[[float, float], float] = max, key: str | None = KEY) -> Transport:
        http = httpx2.Client(transport=httpx2.MockTransport(self.handle))
        pauses = Pauses(sleep=self.sleep, clock=lambda: self.now, uniform=uniform)
        return Transport("http://lab:8731", key, http=http, deadline=60, pauses=pauses)


def ok() -> httpx2.Response:
    return httpx2.Response(200, json={"fine": True})


def problem(status: int, code: str = "some_code", **headers: str) -> httpx2.Response:
    return httpx2.Response(status, json={"code": code, "detail": "no"}, headers=headers)


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504, 507])
@pytest.mark.parametrize("once", [True, False])
def test_a_busy_server_is_asked_again(status: int, once: bool) -> None:
    script = Script(problem(status), problem(status), ok())
    assert script.transport().send("POST", "/x", body={}, once=once) == {"fine": True}
    assert len(script.requests) == 3


@pytest.mark.parametrize(
    "error",
    [
        httpx2.ConnectError("refused"),
        httpx2.ConnectTimeout("slow"),
        httpx2.ReadTimeout("slow"),
        httpx2.ReadError("reset"),
        httpx2.RemoteProtocolError("closed"),
    ],
)
def test_a_broken_connection_is_tried_again(error: Exception) -> None:
    script = Script(error, ok())
    assert script.transport().send("POST", "/x", body={}, once=True) == {"fine": True}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 501])
def test_a_refusal_is_never_tried_again(status: int) -> None:
    script = Script(problem(status), ok())
    with pytest.raises(TrimtabError) as caught:
        script.transport().send("POST", "/x", body={}, once=True)
    assert len(script.requests) == 1
    assert caught.value.status == status


def test_a_conflict_is_tried_again_only_while_the_first_request_is_still_running() -> None:
    script = Script(problem(409, "idempotency_in_progress"), ok())
    assert script.transport().send("POST", "/x", body={}, once=True) == {"fine": True}

    script = Script(problem(409, "conflict"), ok())
    with pytest.raises(Conflict):
        script.transport().send("POST", "/x", body={}, once=True)


def test_every_try_of_a_call_carries_the_same_key_and_body_and_every_call_its_own() -> None:
    script = Script(httpx2.ReadError("reset"), problem(503), ok())
    transport = script.transport()
    transport.send("POST", "/x", body={"a": [1, 2]}, once=True)
    transport.send("POST", "/x", body={"a": [1, 2]}, once=True)
    keys = [request.headers["idempotency-key"] for request in script.requests]
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert len({request.content for request in script.requests}) == 1


def test_reading_carries_no_idempotency_key() -> None:
    script = Script(ok())
    script.transport().send("GET", "/x")
    assert "idempotency-key" not in script.requests[0].headers


def test_the_access_key_is_sent_as_a_bearer_token() -> None:
    script = Script(ok())
    script.transport().send("GET", "/x")
    assert script.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_failing_server_is_asked_again_a_few_times_under_a_key() -> None:
    script = Script(problem(500), problem(500), ok())
    assert script.transport().send("POST", "/x", body={}, once=True) == {"fine": True}

    script = Script(problem(500))
    with pytest.raises(ServerError):
        script.transport().send("POST", "/x", body={}, once=True)
    assert len(script.requests) == TRIES_AT_500


def test_a_failing_server_is_not_asked_again_without_a_key() -> None:
    script = Script(problem(500), ok())
    with pytest.raises(ServerError):
        script.transport().send("GET", "/x")
    assert len(script.requests) == 1


def test_pauses_are_drawn_between_zero_and_a_limit_that_doubles_up_to_the_cap() -> None:
    limits: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        limits.append((low, high))
        return 0.001

    script = Script(*[problem(503)] * 12, ok())
    script.transport(uniform=uniform).send("GET", "/x")
    assert [low for low, _ in limits] == [0.0] * 12
    assert [high for _, high in limits] == pytest.approx([min(CAP, 0.2 * 2**n) for n in range(12)])
    assert script.slept == [0.001] * 12


def test_a_pause_is_at_least_what_the_server_asks_for() -> None:
    script = Script(problem(503, **{"Retry-After": "7"}), ok())
    script.transport().send("GET", "/x")
    assert script.slept == [7.0]


def test_a_server_may_ask_for_a_pause_by_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    script = Script(problem(429, **{"Retry-After": later}), ok())
    script.transport().send("GET", "/x")
    assert 15 < script.slept[0] <= 20


@pytest.mark.parametrize("odd", ["soon", "-3", "nan", ""])
def test_an_odd_wish_for_a_pause_is_ignored(odd: str) -> None:
    script = Script(problem(503, **{"Retry-After": odd}), ok())
    script.transport(uniform=min).send("GET", "/x")
    assert script.slept == [0.0]


def test_a_dead_server_is_given_up_at_the_deadline_and_the_error_says_how_long_and_how_often() -> None:
    script = Script(httpx2.ConnectError("connection refused"))
    with pytest.raises(ServerUnreachable) as caught:
        script.transport().send("GET", "/x")
    assert math.fsum(script.slept) <= 60
    assert caught.value.code == "server_unreachable"
    assert str(caught.value) == (
        f"http://lab:8731 did not answer for {math.fsum(script.slept):.0f} s ({len(script.requests)} tries): "
        "ConnectError connection refused"
    )


def refused() -> httpx2.ConnectError:
    """As the HTTP library raises it: with the system's error behind it."""
    error = httpx2.ConnectError("[Errno 111] Connection refused")
    error.__cause__ = ConnectionRefusedError(111, "Connection refused")
    return error


def test_a_silent_server_is_complained_of_at_the_first_try_and_once(caplog: pytest.LogCaptureFixture) -> None:
    script = Script(refused())
    with pytest.raises(ServerUnreachable):
        script.transport().send("GET", "/x")
    assert len(script.requests) > 3
    assert [(one.levelname, one.getMessage()) for one in caplog.records if one.levelno >= logging.WARNING] == [
        ("WARNING", "http://lab:8731 does not answer (connection refused); trying for 60 s more")
    ]


def test_a_busy_server_is_complained_of_with_its_answer(caplog: pytest.LogCaptureFixture) -> None:
    Script(problem(503), ok()).transport().send("GET", "/x")
    assert caplog.messages == [
        "http://lab:8731 can't answer now (GET /x: 503 Service Unavailable); trying for 60 s more"
    ]


def test_warnings_are_seen_by_who_has_set_up_no_logging() -> None:
    script = "import trimtab, contextlib\n"
    script += "with contextlib.suppress(trimtab.ServerUnreachable): trimtab.Client(url, 'tt_x', deadline=2).studies()"
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run(
            [sys.executable, "-c", f"url = {url!r}\n{script}"], capture_output=True, text=True, check=True
        )
    assert re.fullmatch(rf"{url} does not answer \(connection refused\); trying for [012] s more\n", done.stderr)


def test_the_error_stands_alone_without_what_the_http_library_saw() -> None:
    with pytest.raises(ServerUnreachable) as caught:
        Script(refused()).transport().send("GET", "/x")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert str(caught.value).endswith("connection refused")


def test_a_server_that_is_missing_on_this_machine_can_be_started() -> None:
    script = Script(refused())
    transport = script.transport()
    with pytest.raises(ServerUnreachable) as far:
        transport.send("GET", "/x")
    assert not hasattr(far.value, "__notes__")
    transport.url = "http://127.0.0.1:8731"
    with pytest.raises(ServerUnreachable) as near:
        transport.send("GET", "/x")
    assert near.value.__notes__ == ["start one: trimtab-service serve"]


def test_a_server_that_nobody_reaches_can_be_given_up_before_the_deadline() -> None:
    script = Script(refused())
    transport = script.transport()
    transport.absence = 5.0
    with pytest.raises(ServerUnreachable):
        transport.send("GET", "/x")
    assert math.fsum(script.slept) <= 5
    script = Script(*[problem(503, **{"Retry-After": "20"})] * 2, ok())
    transport = script.transport()
    transport.absence = 5.0
    assert transport.send("GET", "/x") == {"fine": True}, "a server that answers is there"


@pytest.mark.parametrize(
    "trouble", [ssl.SSLCertVerificationError(1, "self-signed certificate"), ssl.SSLError(1, "no")]
)
def test_a_certificate_that_is_no_good_is_given_up_at_once(trouble: Exception) -> None:
    error = httpx2.ConnectError(str(trouble))
    error.__cause__ = trouble
    script = Script(error)
    with pytest.raises(ServerUnreachable, match="no secure connection: ") as caught:
        script.transport().send("GET", "/x")
    assert len(script.requests) == 1
    assert "certificate" in caught.value.__notes__[0]


def test_tls_that_was_hung_up_on_is_tried_again() -> None:
    error = httpx2.ConnectError("EOF")
    error.__cause__ = ssl.SSLEOFError(8, "EOF occurred in violation of protocol")
    assert Script(error, ok()).transport().send("GET", "/x") == {"fine": True}


def test_https_to_a_server_of_plain_http_is_given_up_at_once(server: FakeServer) -> None:
    with server.listening() as url:
        transport = Transport(url.replace("http:", "https:"), None, deadline=60)
        with pytest.raises(ServerUnreachable, match=r"\(1 try\): no secure connection"):
            transport.send("GET", "/x")
        transport.close()


def test_a_pause_beyond_the_deadline_is_not_waited_for() -> None:
    script = Script(problem(503, "overloaded", **{"Retry-After": "600"}))
    with pytest.raises(Unavailable) as caught:
        script.transport().send("GET", "/x")
    assert script.slept == []
    assert caught.value.code == "overloaded"


def test_a_call_may_have_a_deadline_of_its_own() -> None:
    script = Script(httpx2.ConnectError("refused"))
    with pytest.raises(ServerUnreachable):
        script.transport().send("GET", "/x", deadline=1)
    assert math.fsum(script.slept) <= 1


def test_a_call_may_have_a_single_try() -> None:
    script = Script(problem(503), ok())
    with pytest.raises(Unavailable):
        script.transport().send("GET", "/x", tries=1)
    assert len(script.requests) == 1


def test_a_busy_servers_last_word_is_raised_with_the_number_of_tries() -> None:
    script = Script(problem(503, "database_unavailable"))
    with pytest.raises(Unavailable) as caught:
        script.transport().send("GET", "/x")
    assert caught.value.code == "database_unavailable"
    assert f"tried {len(script.requests)} times" in caught.value.__notes__[0]


def test_a_server_that_answered_before_it_fell_silent_is_quoted() -> None:
    script = Script(problem(503, "compute_unavailable"), httpx2.ReadTimeout("timed out"))
    with pytest.raises(Unavailable) as caught:
        script.transport().send("GET", "/x")
    assert caught.value.code == "compute_unavailable"
    assert f"tried {len(script.requests)} times" in caught.value.__notes__[0]


def test_a_server_that_answered_before_it_went_away_is_unreachable() -> None:
    script = Script(problem(503, "compute_unavailable"), refused())
    with pytest.raises(ServerUnreachable):
        script.transport().send("GET", "/x")


def test_a_refused_key_is_named_by_its_public_part_only() -> None:
    script = Script(problem(401, "unauthorized"))
    with pytest.raises(Unauthorized) as caught:
        script.transport().send("GET", "/x")
    notes = " ".join(caught.value.__notes__)
    assert "tt_0a1b2c3d…" in notes
    assert "ssss" not in notes


def test_a_key_that_was_cut_off_is_not_called_something_else() -> None:
    with pytest.raises(Unauthorized) as caught:
        Script(problem(401, "unauthorized")).transport(key="tt_secret").send("GET", "/x")
    assert caught.value.__notes__ == ["what was sent begins with tt_ but is not a whole key: was it cut off?"]
    with pytest.raises(Unauthorized) as caught:
        Script(problem(401, "unauthorized")).transport(key="secret").send("GET", "/x")
    assert caught.value.__notes__ == ["what was sent is no key (tt_…)"]


def test_a_missing_key_is_explained() -> None:
    script = Script(problem(401, "unauthorized"))
    with pytest.raises(Unauthorized) as caught:
        script.transport(key=None).send("GET", "/x")
    assert "authorization" not in script.requests[0].headers
    assert "TRIMTAB_KEY" in " ".join(caught.value.__notes__)


def test_an_answer_that_is_no_json_is_a_server_error() -> None:
    script = Script(httpx2.Response(200, text="<html>a proxy says hello</html>"))
    with pytest.raises(ServerError, match="expected JSON"):
        script.transport().send("GET", "/x")


def test_a_page_of_a_proxy_is_understood_by_its_status() -> None:
    script = Script(httpx2.Response(413, text="<html>too large</html>"))
    with pytest.raises(Invalid, match="413") as caught:
        script.transport().send("POST", "/x", body={}, once=True)
    assert not isinstance(caught.value, IdempotencyKeyReused)


def test_what_json_can_not_say_is_refused_before_it_is_sent() -> None:
    script = Script(ok())
    with pytest.raises(InvalidValue):
        script.transport().send("POST", "/x", body={"a": math.nan})
    with pytest.raises(InvalidValue):
        script.transport().send("POST", "/x", body={"a": object()})
    assert script.requests == []


def test_an_address_without_a_scheme_is_explained_at_once() -> None:
    with pytest.raises(ServerUnreachable, match=r"expected an address like http://127\.0\.0\.1:8731, got 'lab'"):
        Transport("lab", None).send("GET", "/x")


def test_text_that_can_not_be_sent_is_refused() -> None:
    with pytest.raises(Invalid, match=r"expected text that can be sent as UTF-8, but .*surrogates not allowed"):
        Script(ok()).transport().send("GET", "/x", params={"where": "\ud800"})


@pytest.mark.parametrize("odd", ["1", None, -1, math.nan, True])
def test_seconds_that_are_none_are_refused(odd: Any) -> None:
    with pytest.raises(Invalid, match="timeout: expected a number of seconds, got "):
        Transport("http://lab", None, timeout=odd)
    with pytest.raises(Invalid, match="deadline: expected a number of seconds, got "):
        Transport("http://lab", None, deadline=odd)


def test_http_that_was_brought_stays_open() -> None:
    http = httpx2.Client(transport=httpx2.MockTransport(lambda _: ok()))
    Transport("http://lab", None, http=http).close()
    assert not http.is_closed
