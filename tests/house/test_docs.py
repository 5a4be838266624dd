"""The docs name every setting, error code and public word, and their links lead somewhere."""

from __future__ import annotations

import re
from dataclasses import fields
from operator import attrgetter
from pathlib import Path

import pytest

import trimtab
from tests.house.repo import ROOT, kept_files, text_of
from trimtab import cli
from trimtab.errors import from_problem
from trimtab_service.api.errors import codes
from trimtab_service.domain.study import Algorithm, StudyState
from trimtab_service.domain.trial import FailureKind, Source, TrialState
from trimtab_service.settings import Settings, variable

WORDS = (
    *("study", "problem", "trial", "number", "trial state", "study state", "budget"),
    *("parameter", "params", "search space", "condition", "choice"),
    *("metric", "objective", "direction", "value", "loss", "reference", "cost", "contract", "constraint", "device"),
    *("ask", "tell", "report", "step", "release", "fail", "failure", "enqueue", "preflight", "stop", "stopping rule"),
    *("worker", "lease", "heartbeat", "epoch", "attempt", "source", "fallback", "idempotency key"),
    *("optimizer", "algorithm", "proposal", "history", "observation", "pending", "point", "encoding"),
    *("initial design", "surrogate", "posterior", "warp", "incumbent", "acquisition"),
    *("best trial", "front", "hypervolume", "server", "client", "room", "use case", "key", "session", "project"),
)


def _doc(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def _below(cls: type) -> list[type]:
    return [one for child in cls.__subclasses__() for one in (child, *_below(child))]


@pytest.mark.parametrize("name", [field.name for field in fields(Settings)])
def test_every_setting_is_explained_with_its_default(name: str) -> None:
    (row,) = (line for line in _doc("settings.md").splitlines() if line.startswith(f"| `{variable(name)}`"))
    default = getattr(Settings(), name)
    shown = {True: "`true`", False: "`false`", "": ""}.get(default) if isinstance(default, bool | str) else None
    cells = [cell.strip() for cell in row.split("|")]
    assert cells[3] == (
        shown if shown is not None else f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
    )


def test_every_variable_that_the_code_reads_is_in_the_docs() -> None:
    rooms = ("service", "clients", "tests", "examples", "migrations", "benchmarks")
    code = [path for path in kept_files() if path.suffix == ".py" and path.parts[0] in rooms]
    read = {name for path in code for name in re.findall(r"\bTRIMTAB_[A-Z]+(?:_[A-Z]+)*\b", text_of(path))}
    missing = sorted(name for name in read if f"`{name}`" not in _doc("settings.md"))
    assert missing == []


def test_every_error_code_is_explained() -> None:
    assert sorted(code for code in codes() if f"`{code}`" not in _doc("errors.md")) == []


def test_the_client_raises_the_class_that_the_docs_name_for_each_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d{3}) \| (.*?) \|", _doc("errors.md"), re.MULTILINE)
    raised = {code: from_problem(int(status), {"code": code, "detail": "no"}) for code, status, _ in rows}
    assert {code: cell for code, _, cell in rows} == {code: f"`{type(one).__name__}`" for code, one in raised.items()}
    assert {type(one).__name__ for one in raised.values()} <= set(trimtab.__all__)
    assert [code for code, one in raised.items() if one.code != code] == []


def test_the_docs_name_every_code_that_is_the_clients_alone_and_its_class() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `((?:[a-z]+\.)*[A-Z]\w+)` \|", _doc("errors.md"), re.MULTILINE)
    named = {code: attrgetter(name)(trimtab) for code, name in rows}
    own = {cls for cls in _below(trimtab.TrimtabError) if cls.__module__.split(".")[0] == "trimtab"}
    assert named == {cls.code: cls for cls in own if cls.code not in codes()}


@pytest.mark.parametrize("kind", [trimtab.Client, trimtab.Study, trimtab.Trial])
def test_the_clients_readme_names_every_method(kind: type) -> None:
    readme = (ROOT / "clients" / "python" / "README.md").read_text()
    parts = [vars(part) for part in kind.__mro__]
    methods = {
        name for part in parts for name, one in part.items() if name[0] != "_" and not isinstance(one, property)
    }
    inner = {"send", "renew", "lose_lease"}  # for the client's own rooms
    assert sorted(name for name in methods - inner if not re.search(rf"\b{name}\(", readme)) == []


def test_the_clients_readme_names_every_verb_of_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    verbs = re.findall(r"^    (\w+) ", capsys.readouterr().out, re.MULTILINE)
    readme = (ROOT / "clients" / "python" / "README.md").read_text()
    assert "pareto" in verbs
    assert [verb for verb in verbs if f"    trimtab {verb} " not in readme] == []


def test_every_public_word_is_in_the_glossary() -> None:
    entries = {entry.lower() for entry in re.findall(r"\*\*([^*]+)\*\*", _doc("glossary.md"))}
    assert sorted(set(WORDS) - entries) == []


@pytest.mark.parametrize("kind", [TrialState, StudyState, FailureKind, Source, Algorithm])
def test_the_glossary_names_every_state_source_kind_and_algorithm(kind: type) -> None:
    text = _doc("glossary.md")
    assert [member.value for member in kind if not re.search(rf"\b{member.value}\b", text)] == []


def test_links_between_the_docs_lead_to_files_that_are_kept() -> None:
    kept = {(ROOT / path).resolve() for path in kept_files()}
    folders = {parent for path in kept for parent in path.parents}
    broken = []
    for page in (path for path in kept_files() if path.suffix == ".md"):
        for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
            if "://" in target or target.startswith(("#", "mailto:")):
                continue
            file = (ROOT / page).parent.joinpath(target.split("#")[0]).resolve()
            if file not in kept | folders:
                broken.append(f"{page}: {target}")
    assert broken == []


def test_decisions_are_numbered_without_gaps_and_each_says_what_a_record_must() -> None:
    records = sorted(path for path in (ROOT / "docs" / "decisions").glob("*.md") if path.name != "README.md")
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    for record in records:
        text = record.read_text().lower()
        missing = [part for part in ("context", "decision", "consequences", "alternatives") if part not in text]
        assert missing == [], record.name


def test_the_changelog_opens_with_what_is_unreleased() -> None:
    headings = re.findall(r"^## \[(.+?)\]", Path(ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
