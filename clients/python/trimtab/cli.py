"""The command `trimtab`: looks at studies, and at what a model costs. Tables for people, JSON with --json.

Exit codes: 0 done, 1 failed, 2 usage. An error is one line on stderr: `trimtab: CODE: detail`.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Any

import trimtab
from trimtab import credentials, measuring_cli, tables
from trimtab.client import Client
from trimtab.errors import InvalidCredentials, TrimtabError
from trimtab.study import Study

PATIENCE = 5.0
"""Seconds for which a server that nobody reaches is tried: a person is waiting."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    parser = _parser()
    arguments, rest = parser.parse_known_args(_joined(sys.argv[1:] if argv is None else argv))
    if arguments.run is _pick:
        arguments.limits = _limits(parser, rest)
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        if arguments.run is _measure:  # needs no server, and no address of one
            _measure(arguments)
        else:
            with _client(parser, arguments) as client:
                arguments.run(client, arguments)
        sys.stdout.flush()
    except TrimtabError as error:
        notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        print(f"trimtab: {error.code}: {error}{notes}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `trimtab trials digits | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return 0


def _client(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> Client:
    try:
        url = credentials.find_url(arguments.url)
    except TrimtabError as error:
        parser.error(f"--url or TRIMTAB_URL: {error}")
    client = Client(url, arguments.key)
    client.transport.absence = PATIENCE
    return client


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="trimtab", description="Look at the studies of a Trimtab server, and at what models cost."
    )
    parser.add_argument("--version", action="version", version=f"trimtab {trimtab.__version__}")
    _add_shared(parser)
    parser.set_defaults(url=None, key=None, json=False)
    shared = argparse.ArgumentParser(add_help=False)
    _add_shared(shared)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[Client, argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, parents=[shared], help=text, description=text, allow_abbrev=False)
        one.set_defaults(run=run)
        if name not in {"studies", "devices", "key"}:
            one.add_argument("study", metavar="STUDY", help="its name or public id")
        return one

    command("studies", _studies, "list the studies, newest first")
    command("show", _show, "show one study")
    trials = command("trials", _trials, "list the trials of a study")
    trials.add_argument("--state", action="append", help="only trials in this state (may be repeated)")
    trials.add_argument("--order", help="number, finished_at or a metric; -accuracy for the highest first")
    trials.add_argument("--limit", type=_count, help="at most so many")
    trial = command("trial", _trial, "show one trial, with how its values were obtained and its reports")
    trial.add_argument("number", metavar="NUMBER", type=_number, help="the trial's number")
    best = command("best", _best, "show the best trial within the limits")
    best.add_argument("--objective", metavar="METRIC", help="what it is best of (default: the first objective)")
    best.add_argument("--predicted", action="store_true", help="what nobody has measured, by the surrogates")
    pareto = command("pareto", _pareto, "list the trials that no other beats in every objective")
    pick = command("pick", _pick, "choose a model: --METRIC LIMIT for each limit, such as --size-kb 64, after STUDY")
    pick.add_argument("--by", metavar="METRIC", help="what it is best of (default: the first objective)")
    for one in (trials, best, pareto, pick):
        one.add_argument(
            "--where", action="append", help="a condition like 'accuracy >= 0.9' (may be repeated; all must hold)"
        )
    for one in (best, pareto, pick):
        one.add_argument("--device", metavar="NAME", help="a device, whose limits must hold too")
    command("devices", _devices, "list the devices and their limits")
    command("key", _key, "print the key that is used for the server, for curl and the like")
    text = "measure what a model in a file costs; needs no server"
    measuring = commands.add_parser("measure", help=text, description=text)
    measuring.add_argument("--json", default=argparse.SUPPRESS, action="store_true", help="print JSON")
    measuring.set_defaults(run=_measure)
    measuring_cli.add_arguments(measuring)
    return parser


def _add_shared(parser: argparse.ArgumentParser) -> None:
    """What may stand before the command and after it. Without defaults: the later place must not undo the earlier."""
    absent = argparse.SUPPRESS
    parser.add_argument(
        "--url", default=absent, help="the server's address (default: TRIMTAB_URL, else http://127.0.0.1:8731)"
    )
    parser.add_argument("--key", default=absent, help="the key (default: TRIMTAB_KEY, else the credentials file)")
    parser.add_argument("--json", default=absent, action="store_true", help="print JSON")


def _joined(argv: Sequence[str]) -> list[str]:
    """`--order -accuracy` as `--order=-accuracy`: argparse would take the metric for an option."""
    joined: list[str] = []
    for word in argv:
        if joined and joined[-1] == "--order" and word.startswith("-"):
            joined[-1] = f"--order={word}"
        else:
            joined.append(word)
    return joined


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"expected the number of a trial, got {text!r}")
    return int(text)


def _key(client: Client, arguments: argparse.Namespace) -> None:
    key = client.transport.key
    if key is None:
        raise InvalidCredentials(f"no key for {client.url}: {credentials.advice(client.url)}")
    _print({"url": client.url, "key": key}, [key], arguments)


def _measure(arguments: argparse.Namespace) -> None:
    answer, lines = measuring_cli.measured(arguments)
    _print(answer, lines, arguments)


def _studies(client: Client, arguments: argparse.Namespace) -> None:
    records = [study.record for study in client.studies()]
    _print(records, tables.studies(records) or ["no studies"], arguments)


def _show(client: Client, arguments: argparse.Namespace) -> None:
    record = client.study(arguments.study).record
    _print(record, tables.study(record), arguments)


def _trials(client: Client, arguments: argparse.Namespace) -> None:
    study = client.study(arguments.study)
    found = study.trials(state=arguments.state, where=arguments.where, order=arguments.order)
    records = [trial.record for trial in itertools.islice(found, arguments.limit)]
    _print(records, _trial_lines(study, records), arguments)


def _trial(client: Client, arguments: argparse.Namespace) -> None:
    study = client.study(arguments.study)
    record = study.trial(arguments.number).record
    _print(record, tables.trial(study.record, record), arguments)


def _best(client: Client, arguments: argparse.Namespace) -> None:
    study = client.study(arguments.study)
    asked = {"device": arguments.device, "where": arguments.where, "objective": arguments.objective}
    if arguments.predicted:
        predicted = study.best(**asked, predicted=True)
        _print({"predicted": True, **dataclasses.asdict(predicted)}, [repr(predicted)], arguments)
        return
    record = study.best(**asked).record
    lines = _trial_lines(study, [record])
    objectives = list(study.objectives)
    if len(objectives) > 1 and arguments.objective is None:
        lines += ["", f"best of {objectives[0]}; the front: trimtab pareto {shlex.quote(study.name)}"]
    _print(record, lines, arguments)


def _pareto(client: Client, arguments: argparse.Namespace) -> None:
    study = client.study(arguments.study)
    answer = study.send("GET", "pareto", params={"where": arguments.where, "device": arguments.device})
    lines = _trial_lines(study, answer["items"])
    if answer.get("hypervolume") is not None:
        inferred = " (inferred)" if answer.get("reference_inferred") else ""
        reference = tables.setting(answer.get("reference"))
        lines += ["", f"hypervolume {tables.cell(answer['hypervolume'])} from {reference}{inferred}"]
    _print(answer, lines, arguments)


def _pick(client: Client, arguments: argparse.Namespace) -> None:
    pick = client.study(arguments.study).pick(arguments.where, arguments.device, by=arguments.by, **arguments.limits)
    answer = {
        "trial": pick.trial.record,
        "by": pick.by,
        "sentence": pick.sentence,
        "neighbours": [
            {"trial": one.trial.record, "changes": one.changes, "sentence": one.sentence} for one in pick.neighbours
        ],
    }
    _print(answer, [repr(pick)], arguments)


def _devices(client: Client, arguments: argparse.Namespace) -> None:
    devices = client.devices()
    lines = tables.table([{"device": one.name, "limits": ", ".join(one.conditions)} for one in devices])
    _print([dataclasses.asdict(one) for one in devices], lines or ["no devices"], arguments)


def _limits(parser: argparse.ArgumentParser, rest: Sequence[str]) -> dict[str, float]:
    """`--size-kb 64` as {"size_kb": 64.0}."""
    limits = {}
    words = [part for word in rest for part in (word.split("=", 1) if word.startswith("--") else [word])]
    for name, limit in itertools.zip_longest(words[::2], words[1::2]):
        try:
            if not name.startswith("--"):
                raise ValueError
            limits[name.removeprefix("--").replace("-", "_")] = int(limit) if limit.isdecimal() else float(limit)
        except (AttributeError, TypeError, ValueError):
            parser.error(f"expected limits like --size-kb 64 after STUDY, got {' '.join(rest)}")
    return limits


def _trial_lines(study: Study, records: Sequence[dict[str, Any]]) -> list[str]:
    return tables.trials(study.record, records) or ["no trials"]


def _print(answer: Any, lines: Sequence[str], arguments: argparse.Namespace) -> None:
    """The answer as JSON if so wanted, else the lines."""
    print(json.dumps(answer, indent=2, ensure_ascii=False) if arguments.json else "\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
