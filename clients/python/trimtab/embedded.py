"""The short road to a study: on the server that is set up, or else on one of its own in a folder."""

from __future__ import annotations

import os
import sys
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trimtab import credentials
from trimtab.client import Client
from trimtab.objective import Objective
from trimtab.space import Parameter
from trimtab.study import Study

FOLDER = ".trimtab"


def study(
    name: str,
    *,
    space: Mapping[str, Parameter | Mapping[str, Any]] | None = None,
    objectives: Mapping[str, str | Objective | Mapping[str, Any]] | None = None,
    url: str | None = None,
    key: str | None = None,
    folder: str | os.PathLike[str] = FOLDER,
    worker: str | None = None,
    **definition: Any,
) -> Study:
    """Make a study, or go on with it, and print the address of its page.

    url, key: the server, by default that of TRIMTAB_URL. Where neither is given, a server of this process and its
    like is started on trimtab.db in the folder. worker: as of `Client`. definition: what `Client.create_study` takes;
    exist_ok is True unless given.
    Raises what `Client.create_study` and `Client.local` raise.
    """
    if url or os.environ.get("TRIMTAB_URL"):
        client, advice = Client(url, key, worker=worker), ""
    else:
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        file = place / "trimtab.db"
        client = Client.local(file, worker=worker)
        advice = f", log in with the key of [sqlite:///{file.resolve()}] in {credentials.path()}"
    try:
        made = client.create_study(name, space=space, objectives=objectives, **{"exist_ok": True, **definition})
    except BaseException:
        client.close()
        raise
    page = f"{client.url}/s/{urllib.parse.quote(made.name, safe='')}"
    print(f"trimtab: {page}{advice}", file=sys.stderr)  # noqa: T201  # an address to click on, for people
    return made
