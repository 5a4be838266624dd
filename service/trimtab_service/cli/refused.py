"""Why a command can't be done: one sentence for people, and exit code 1."""

from __future__ import annotations


class Refused(Exception):
    """The command was not done; the message says why."""
