"""Talks HTTP to the server, patiently. Knows httpx2 (nothing else does) and when to try again; never what is said.

Tried again: connect error, reset, timeout, and the answers 408, 409 idempotency_in_progress, 429, 502, 503, 504, 507;
a plain 500 a few times, and only under an Idempotency-Key. Never any other 4xx, nor after TLS
that can't be trusted. The n-th pause is uniform(0, min(30 s, 0.2 s · 2ⁿ)) (full jitter), at least the answer's
Retry-After, and all tries of a call share one key and one deadline. The first try that fails is a warning.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import random
import re
import threading
import time
import urllib.parse
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

from trimtab import credentials, forks, outages, wire
from trimtab.errors import Invalid, ServerError, ServerUnreachable, Unauthorized, from_problem

if TYPE_CHECKING:
    import httpx2

log = logging.getLogger("trimtab")

BASE = 0.2
"""Seconds: the first pause is at most this."""
CAP = 30.0
"""Seconds: no pause is longer, unless the server asks for it."""
CONNECT = 5.0
"""Seconds that a connection may take: a machine that is off does not refuse, it is silent."""
RETRIED = frozenset({408, 429, 502, 503, 504, 507})
TRIES_AT_500 = 4
"""A server that fails the same way four times has a bug; to wait for the deadline would only hide it."""
_KEY = re.compile(r"tt_[0-9A-Za-z]{8}_")
_KEY_HEAD = "tt_"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Pauses:
    """Where time and chance come from; a test brings its own."""

    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    uniform: Callable[[float, float], float] = random.uniform


class Transport:
    """One server and one key. timeout: seconds of silence that end a try. deadline: seconds that a call may take.

    absence: seconds after which a server that nobody reaches is given up, where that is before the deadline.
    """

    def __init__(
        self,
        url: str,
        key: str | None,
        *,
        http: httpx2.Client | None = None,
        timeout: float = 30.0,
        deadline: float = 60.0,
        pauses: Pauses | None = None,
    ) -> None:
        self.url = url
        self.key = key
        self.deadline = _seconds("deadline", deadline)
        self.absence = math.inf
        self._timeout = _seconds("timeout", timeout)
        self._own = http is None
        self._http = http
        self._opening = threading.Lock()
        self._pauses = pauses or Pauses()
        forks.watch(self)

    def begin_anew(self) -> None:
        """A forked process opens its own connections: it must not share sockets."""
        self._opening = threading.Lock()
        if self._own:
            self._http = None

    @property
    def travels(self) -> bool:
        """Whether another process can reach the server by the URL alone."""
        return self._own

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        once: bool = False,
        deadline: float | None = None,
        tries: int | None = None,
    ) -> Any:
        """The JSON of the answer; None when it is empty. once: under an Idempotency-Key, the same for every try.

        tries: how many there may be within the deadline; None for as many as fit.

        Raises TrimtabError: what the server said, or ServerUnreachable.
        """
        content = None if body is None else wire.encode(body)
        headers = self._headers(once=once, has_body=content is not None)
        clock, started = self._pauses.clock, self._pauses.clock()
        until = started + (self.deadline if deadline is None else deadline)
        tried, answer = 0, None
        while True:
            outcome = self._try(method, path, content, params, headers, until - clock())
            tried += 1
            if not isinstance(outcome, Exception):
                answer = outcome
            if outages.is_absence(outcome):
                until = min(until, started + self.absence)
            if tried == tries or not _is_retried(outcome, once=once, tried=tried):
                break
            pause = self._pauses.uniform(0.0, min(CAP, BASE * 2.0 ** min(tried - 1, 30)))
            pause = max(pause, _retry_after(outcome))
            if clock() + pause >= until:
                break
            if tried == 1:
                log.warning("%s; trying for %.0f s more", self._complain(outcome, method, path), until - clock())
            else:
                log.info("%s; trying again in %.1f s", self._complain(outcome, method, path), pause)
            self._pauses.sleep(pause)
        if answer is not None and _is_silence(outcome):
            outcome = answer  # the server was there: its last word says more than that it is still at it
        return self._read(outcome, tried, clock() - started)

    def close(self) -> None:
        """Close the connections, unless they were brought from outside."""
        if self._own and self._http is not None:
            self._http.close()
            self._http = None

    def _headers(self, *, once: bool, has_body: bool) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        if has_body:
            headers["Content-Type"] = "application/json"
        if once:
            headers["Idempotency-Key"] = os.urandom(16).hex()
        return headers

    def _try(
        self,
        method: str,
        path: str,
        content: bytes | None,
        params: Mapping[str, Any] | None,
        headers: dict[str, str],
        left: float,
    ) -> httpx2.Response | httpx2.RequestError:
        import httpx2

        # Starlette's TestClient, which may be what was brought, takes no timeout.
        longest = max(0.1, min(self._timeout, left))
        timeout = httpx2.Timeout(longest, connect=min(longest, CONNECT)) if self._own else httpx2.USE_CLIENT_DEFAULT
        try:
            return self._connections().request(
                method, self.url + path, content=content, params=params, headers=headers, timeout=timeout
            )
        except (httpx2.UnsupportedProtocol, httpx2.InvalidURL):
            raise ServerUnreachable(credentials.no_address(self.url)) from None
        except UnicodeEncodeError as error:
            raise Invalid(f"expected text that can be sent as UTF-8, but {error}") from None
        except httpx2.RequestError as error:
            return error

    def _connections(self) -> httpx2.Client:
        import httpx2

        with self._opening:
            if self._http is None:
                parts = urllib.parse.urlsplit(self.url)
                near = parts.hostname in _LOOPBACK and parts.scheme == "http"  # no proxy, no certificates
                self._http = httpx2.Client(trust_env=not near, verify=not near)
                weakref.finalize(self, self._http.close)  # for whoever forgets to close
            return self._http

    def _read(self, outcome: httpx2.Response | httpx2.RequestError, tries: int, seconds: float) -> Any:
        if isinstance(outcome, Exception):
            unreachable = ServerUnreachable(
                f"{self.url} did not answer for {seconds:.0f} s ({tries} {'try' if tries == 1 else 'tries'}): "
                f"{_spell(outcome)}"
            )
            advice = outages.advice(outcome, near=urllib.parse.urlsplit(self.url).hostname in _LOOPBACK)
            if advice:
                unreachable.add_note(advice)
            raise unreachable from None  # what the HTTP library saw is in the sentence
        if outcome.is_success:
            if outcome.status_code == 204 or not outcome.content:
                return None
            with contextlib.suppress(ValueError):
                return outcome.json()
            raise ServerError(f"expected JSON from {outcome.url}, got {outcome.text[:80]!r}")
        error = from_problem(outcome.status_code, _problem(outcome))
        if isinstance(error, Unauthorized):
            error.add_note(self._spell_key())
        if tries > 1:
            error.add_note(f"tried {tries} times in {seconds:.0f} s")
        raise error

    def _spell_key(self) -> str:
        """Which key was sent, by its public part; or how to give one."""
        if not self.key:
            return f"no key was found: {credentials.advice(self.url)}"
        if _KEY.match(self.key):
            return f"key {self.key[:11]}… was sent"
        if self.key.startswith(_KEY_HEAD):
            return "what was sent begins with tt_ but is not a whole key: was it cut off?"
        return "what was sent is no key (tt_…)"

    def _complain(self, outcome: httpx2.Response | httpx2.RequestError, method: str, path: str) -> str:
        if isinstance(outcome, Exception):
            return f"{self.url} does not answer ({_spell(outcome)})"
        return f"{self.url} can't answer now ({method} {path}: {_spell(outcome)})"


def _is_silence(outcome: httpx2.Response | httpx2.RequestError) -> bool:
    """Whether a server took the request and had not answered when the time of the try was over."""
    import httpx2

    return isinstance(outcome, httpx2.ReadTimeout)


def _seconds(name: str, given: float) -> float:
    if isinstance(given, bool) or not isinstance(given, Real) or not given >= 0:
        raise Invalid(f"{name}: expected a number of seconds, got {given!r}")
    return given


def _problem(response: httpx2.Response) -> Mapping[str, Any]:
    """The problem+json body; one made from the status when the answer is something else (a proxy's page)."""
    with contextlib.suppress(ValueError):
        body = response.json()
        if isinstance(body, dict) and isinstance(body.get("code"), str):
            return body
    return {"detail": f"{response.request.method} {response.url} was answered with {_spell(response)}"}


def _is_retried(outcome: httpx2.Response | httpx2.RequestError, *, once: bool, tried: int) -> bool:
    if isinstance(outcome, Exception):
        return not outages.is_hopeless(outcome)
    match outcome.status_code:
        case 409:
            return _problem(outcome).get("code") == "idempotency_in_progress"
        case 500:
            return once and tried < TRIES_AT_500
        case status:
            return status in RETRIED


def _retry_after(outcome: httpx2.Response | httpx2.RequestError) -> float:
    """Seconds that the server asks to wait: Retry-After as a number or as a date (RFC 9110, 10.2.3); else 0."""
    given = "" if isinstance(outcome, Exception) else outcome.headers.get("Retry-After", "")
    if not given:
        return 0.0
    with contextlib.suppress(ValueError):
        return max(0.0, float(given))
    import email.utils

    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, email.utils.parsedate_to_datetime(given).timestamp() - time.time())
    return 0.0


def _spell(outcome: httpx2.Response | httpx2.RequestError) -> str:
    if isinstance(outcome, Exception):
        return outages.spell(outcome)
    return f"{outcome.status_code} {outcome.reason_phrase}".strip()
