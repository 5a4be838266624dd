"""A script that asks for a trial, forks, and asks for another in the child; each tells once its lease was renewed.

Its argument is the server's address. It ends with 0 when both processes were through in time.
"""

from __future__ import annotations

import os
import sys
import time

import trimtab
from trimtab import Client, Float, Study


def hold(study: Study) -> trimtab.Trial:
    """Ask for a trial and keep it for several renewals."""
    trial = study.ask()
    time.sleep(0.5)
    return trial


def main() -> int:
    with Client(sys.argv[1]) as client:
        study = client.create_study("forked", space={"lr": Float(0.0, 1.0)}, objectives={"accuracy": "maximize"})
        mine = hold(study)
        child = os.fork()
        if child == 0:
            hold(study).tell(0.5)
            client.close()
            os._exit(0)
        end = time.monotonic() + 30
        while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
            if time.monotonic() > end:
                os.kill(child, 9)
                return 2
            time.sleep(0.02)
        mine.tell(0.5)
        return os.waitstatus_to_exitcode(ended[1])


if __name__ == "__main__":
    sys.exit(main())
