"""What is leased to this worker, a trial or a measure job: kept alive, and closed in the end, whatever happens."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from trimtab import wire
from trimtab.errors import (
    Forbidden,
    LeaseLost,
    ServerError,
    ServerUnreachable,
    TrialAlreadyFinished,
    TrimtabError,
    Unauthorized,
)
from trimtab.failures import failure_kind

if TYPE_CHECKING:
    from trimtab.client import Client

log = logging.getLogger("trimtab")

_OUTAGES = (ServerUnreachable, ServerError, Unauthorized, Forbidden)
"""What says nothing of the work: it is left to its lease, and another attempt may have more luck."""


class Leased:
    """Work of which the lease is kept up in the background until it is told, failed or released.

    As a context manager: an exception fails it with its kind and goes on; Ctrl-C and SystemExit give it back; so
    does leaving without a tell, with a warning.
    """

    _OVER: ClassVar[tuple[type[TrimtabError], ...]] = (TrialAlreadyFinished, LeaseLost)
    """Answers after which there is nothing left to close."""

    def __init__(self, client: Client, record: Mapping[str, Any]) -> None:
        self._client = client
        self._record = dict(record)
        self._closing = False
        self._closed = False
        self._lease_lost = False

    @property
    def label(self) -> str:
        """What it is called in a sentence: "trial 3"."""
        raise NotImplementedError

    @property
    def epoch(self) -> int:
        """Rises with each hand-out: shows the server whose it is."""
        return int(self._record["epoch"])

    @property
    def is_open(self) -> bool:
        """Whether this handle can still tell, fail or release."""
        return not self._closed

    @property
    def lease_lost(self) -> bool:
        """Whether the server gave it up or to someone else. A tell is sent all the same: it may be first."""
        return self._lease_lost

    @property
    def record(self) -> dict[str, Any]:
        """Everything that the server said of it, as JSON."""
        return dict(self._record)

    def fail(self, kind: str = "error", message: object = "") -> None:
        """End it without a result. kind: oom, nan, timeout, error, or infrastructure (the last is handed out again).

        Raises TrialAlreadyFinished and LeaseLost.
        """
        self._close("fail", {"kind": kind, "message": wire.text(message)})

    def release(self) -> None:
        """Give it back unharmed: the next ask hands it out. Raises TrialAlreadyFinished and LeaseLost."""
        self._close("release", {})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if self.is_open:
            try:
                self._close_after(error)
            except TrimtabError as second:  # an error of the work is the one to see
                log.warning("%s could not be closed after %r: %s", self.label, error, second)
        return self._ends_quietly(error)

    # --- For the rooms next door ------------------------------------------------------------------------------------

    def renew(self, *, deadline: float) -> float:
        """Send one heartbeat, in one try; seconds of the new lease. Raises LeaseLost and what `send` raises."""
        answer = self._post("heartbeat", {}, once=False, deadline=deadline, tries=1)
        return float(answer["lease_seconds"])

    def lose_lease(self, error: TrimtabError) -> None:
        """Remember that the lease is gone; unless this handle closes the work itself, or has."""
        if not (self._lease_lost or self._closing or self._closed):
            self._lease_lost = True
            log.warning("%s: the lease is lost (%s); its result will be sent all the same", self.label, error)
        self._client.leases.drop(self)

    def _post(self, verb: str, body: dict[str, Any], **how: Any) -> Any:
        """Send something about it, under its epoch. how: see `Transport.send`."""
        raise NotImplementedError

    def _ends_quietly(self, error: BaseException | None) -> bool:
        """Whether a block that this error leaves has ended as it may."""
        return error is None

    def _close_after(self, error: BaseException | None) -> None:
        if error is None:
            log.warning("%s was neither told nor failed, so it is given back", self.label)
            self.release()
        elif isinstance(error, _OUTAGES):
            log.warning("%s is left to its lease after %s", self.label, type(error).__name__)
            self._client.leases.drop(self)
        elif isinstance(error, Exception):
            self.fail(failure_kind(error), f"{type(error).__name__}: {error}")
        else:
            self.release()

    def _close(self, verb: str, body: dict[str, Any]) -> None:
        self._closing = True  # the lease is renewed until the answer is here
        try:
            self._record |= self._post(verb, body) or {}
        except self._OVER:
            self._let_go()
            raise
        finally:
            self._closing = False
        self._let_go()

    def _let_go(self) -> None:
        self._closed = True
        self._client.leases.drop(self)
