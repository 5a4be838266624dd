"""Reads what an error of a connection means: nobody there, a certificate that is no good, or a moment's trouble."""

from __future__ import annotations

import socket
from collections.abc import Iterator


def spell(error: BaseException) -> str:
    """The error in a few words, from its first cause where that says more."""
    for cause in _causes(error):
        match cause:
            case ConnectionRefusedError():
                return "connection refused"
            case socket.gaierror():
                return "no machine of this name is known"
    if is_hopeless(error):
        return f"no secure connection: {error}"
    return f"{type(error).__name__} {error}".strip()


def is_absence(outcome: object) -> bool:
    """Whether no connection came about, so that the server saw nothing of the request."""
    return isinstance(outcome, Exception) and type(outcome).__name__ in {"ConnectError", "ConnectTimeout"}


def is_hopeless(error: BaseException) -> bool:
    """Whether the next try would end the same way: TLS did not agree, or does not trust the certificate."""
    import ssl

    passing = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)  # the other side hung up
    return any(isinstance(cause, ssl.SSLError) and not isinstance(cause, passing) for cause in _causes(error))


def advice(error: BaseException, *, near: bool) -> str:
    """What to do about it; empty when nothing is known. near: the server is meant to be on this machine."""
    if is_hopeless(error):
        return "check the certificate, and that the server speaks https and not http"
    return "start one: trimtab-service serve" if near and is_absence(error) else ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
