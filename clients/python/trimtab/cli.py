"""The command `trimtab`: looks at studies from a terminal. Tables for people, JSON with --json.

Exit codes: 0 done, 1 failed, 2 usage. An error is one line on stderr: `trimtab: CODE: detail`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import trimtab
from trimtab import credentials
from trimtab.client import Client
from trimtab.errors import InvalidCredentials, TrimtabError
from trimtab.study import Study

PATIENCE = 5.0
"""Seconds for which a server that nobody reaches is tried: a person is waiting."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    arguments = _parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
    run: Callable[[Client, argparse.Namespace], None] = arguments.run
    try:
        with Client(arguments.url, arguments.key) as client:
            client.transport.absence = PATIENCE
            run(client, arguments)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trimtab", description="Look at the studies of a Trimtab server.")
    parser.add_argument("--version", action="version", version=f"trimtab {trimtab.__version__}")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--url", help="the server's address (default: TRIMTAB_URL, else http://127.0.0.1:8731)")
    shared.add_argument("--key", help="the key (default: TRIMTAB_KEY, else the credentials file)")
    shared.add_argument("--json", action="store_true", help="print JSON")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[Client, argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, parents=[shared], help=text, description=text)
        one.set_defaults(run=run)
        if name not in {"studies", "key"}:
            one.add_argument("study", metavar="STUDY", help="its name or public id")
        return one

    command("studies", _studies, "list the studies, newest first")
    command("show", _show, "show one study")
    trials = command("trials", _trials, "list the trials of a study")
    trials.add_argument("--state", action="append", help="only trials in this state (may be repeated)")
    trials.add_argument("--order", help="number, finished_at or a metric; -accuracy for the highest first")
    trials.add_argument("--limit", type=_count, help="at most so many")
    command("best", _best, "show the best trial of a study with one objective")
    pareto = command("pareto", _pareto, "list the trials that no other beats in every objective")
    for one in (trials, pareto):
        one.add_argument(
            "--where", action="append", help="a condition like 'accuracy >= 0.9' (may be repeated; all must hold)"
        )
    command("key", _key, "print the key that is used for the server, for curl and the like")
    return parser


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


def _key(client: Client, arguments: argparse.Namespace) -> None:
    key = client.transport.key
    if key is None:
        raise InvalidCredentials(f"no key for {client.url}: {credentials.advice(client.url)}")
    if arguments.json:
        return _print_json({"url": client.url, "key": key})
    print(key)
    return None


def _studies(client: Client, arguments: argparse.Namespace) -> None:
    studies = client.studies()
    if arguments.json:
        return _print_json([study.record for study in studies])
    rows = [
        {
            "name": study.name,
            "state": study.state,
            "objectives": ", ".join(f"{one.direction} {metric}" for metric, one in study.objectives.items()),
            "complete": study.counts.get("complete", 0),
            "failed": study.counts.get("failed", 0),
            "running": study.counts.get("running", 0),
            "max_trials": study.max_trials,
        }
        for study in studies
    ]
    return _print_table(rows, nothing="no studies")


def _show(client: Client, arguments: argparse.Namespace) -> None:
    record = client.study(arguments.study).record
    if arguments.json:
        return _print_json(record)
    for field in ("name", "id", "state", "algorithm", "seed", "max_trials", "charged", "created_at"):
        print(f"{field:<12}{_cell(record.get(field))}")
    for field in ("counts", "objectives", "metrics", "options", "metadata", "space"):
        entries = record.get(field) or {}
        print(field)
        for name in entries:
            spec = entries[name] if isinstance(entries, dict) else ""
            print(f"  {_cell(name):<18}{_spec(spec)}".rstrip())
    return None


def _trials(client: Client, arguments: argparse.Namespace) -> None:
    found = client.study(arguments.study).trials(state=arguments.state, where=arguments.where, order=arguments.order)
    _print_trials([trial.record for trial in itertools.islice(found, arguments.limit)], arguments)


def _best(client: Client, arguments: argparse.Namespace) -> None:
    record = client.study(arguments.study).best_trial.record
    if arguments.json:
        return _print_json(record)
    return _print_trials([record], arguments)


def _pareto(client: Client, arguments: argparse.Namespace) -> None:
    study: Study = client.study(arguments.study)
    answer = study.send("GET", "pareto", params={"where": arguments.where})
    if arguments.json:
        return _print_json(answer)
    _print_trials(answer["items"], arguments)
    if answer.get("hypervolume") is not None:
        inferred = " (inferred)" if answer.get("reference_inferred") else ""
        print(f"\nhypervolume {_cell(answer['hypervolume'])} from {_spec(answer.get('reference'))}{inferred}")
    return None


def _print_trials(records: Sequence[dict[str, Any]], arguments: argparse.Namespace) -> None:
    if arguments.json:
        return _print_json(list(records))
    rows = [
        {"trial": record["number"], "state": record["state"]}
        | (record.get("values") or {})
        | {f"{name} ": value for name, value in record["params"].items()}  # a metric may bear the same name
        | ({"failure": record["failure"]["kind"]} if record.get("failure") else {})
        for record in records
    ]
    return _print_table(rows, nothing="no trials")


def _print_json(given: Any) -> None:
    print(json.dumps(given, indent=2, ensure_ascii=False))


def _print_table(rows: Sequence[dict[str, Any]], *, nothing: str) -> None:
    """Columns in the order of their first use, numbers to the right."""
    if not rows:
        print(nothing)
        return
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = []
    for name in names:
        cells = [row.get(name) for row in rows]
        texts = [_cell(name.strip()), *("" if cell is None else _cell(cell) for cell in cells)]
        right = all(cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool)) for cell in cells)
        width = max(len(text) for text in texts)
        columns.append([text.rjust(width) if right else text.ljust(width) for text in texts])
    for line in zip(*columns, strict=True):
        print("  ".join(line).rstrip())


def _spec(spec: Any) -> str:
    """A parameter, an objective or a setting on one line; what is empty or off is left out."""
    if not isinstance(spec, dict):
        return "" if spec == "" else _cell(spec)
    return "  ".join(f"{_cell(name)}={_cell(one)}" for name, one in spec.items() if not _is_off(one))


def _is_off(setting: Any) -> bool:
    return setting is None or setting is False or setting in ([], {})


def _cell(value: Any) -> str:
    """A value as text that can't move the cursor: what others wrote may hold control characters."""
    text = f"{value:.6g}" if isinstance(value, float) else "-" if value is None else str(value)
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


if __name__ == "__main__":
    sys.exit(main())
