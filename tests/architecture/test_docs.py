"""Documents keep up with the code."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from prunery.cli import build
from prunery.specs.errors import CODES
from prunery.specs.recipe import Part, Recipe
from scripts import error_codes

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONTRACTS = {
    contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
}
DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))


def test_every_dependency_says_why_it_is_there() -> None:
    asked = [*PROJECT["dependencies"]]
    for extra in PROJECT["optional-dependencies"].values():
        asked += extra
    named = {re.match(r"[\w-]+", requirement)[0] for requirement in asked}  # type: ignore[index]
    table = (ROOT / "docs" / "dependencies.md").read_text()
    explained = set(re.findall(r"^\| ([\w-]+) \|", table, re.MULTILINE)) - {"package"}
    assert explained == named


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_every_decision_names_a_check_that_exists(page: Path) -> None:
    checked_by = page.read_text().partition("**Checked by**")[2]
    paths = re.findall(r"`((?:tests|app|pyproject)[\w./]*)`", checked_by)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
    quoted = {" ".join(name.split()) for name in re.findall(r'"([^"]+)"', checked_by)}
    assert quoted <= CONTRACTS


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(page.stem[:4]) for page in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))


def test_every_fault_names_a_test_that_exists() -> None:
    page = (ROOT / "docs" / "lottery-faults.md").read_text()
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)` \|$", page, re.MULTILINE)
    assert len(named) == len(re.findall(r"^\| (?!fault)", page, re.MULTILINE))
    files = {path.name: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    assert [f"{file}::{test}" for file, test in named if f"def {test}(" not in files[file]] == []


def test_the_map_shows_every_folder_of_code_and_no_other() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    folders = {
        path.parent.relative_to(ROOT).as_posix()
        for top in ("prunery", "app", "worker")
        for path in (ROOT / top).glob("*/**/__init__.py")
    }
    rows = re.findall(r"^\| (`.*?) \|.*\| (.*) \|$", page, re.MULTILINE)
    shown = {name for row, _ in rows for name in re.findall(r"`([\w/]+)`", row)}
    assert folders <= shown
    for row, first in rows:
        named = [ROOT / folder for folder in re.findall(r"`([\w/]+)`", row)]
        assert all(folder.is_dir() for folder in named)
        inside = [place for folder in named for place in (folder, folder.parent)]
        for file in re.findall(r"`([\w./]+)`", first):
            assert any((place / file).is_file() for place in inside), file


def test_every_link_between_documents_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_error_code_is_documented() -> None:
    assert error_codes.PAGE.read_text(encoding="utf-8") == error_codes.page(), "run `make docs`"


def test_every_error_code_has_a_hint_and_a_status_of_an_error() -> None:
    assert [
        code for code, kind in CODES.items() if not kind.hint or not 400 <= kind.status < 600
    ] == []


def _fields(part: type[Part]) -> Iterator[str]:
    for name, field in part.model_fields.items():
        inner = [kind for kind in (field.annotation, *get_args(field.annotation)) if _is_part(kind)]
        yield from (inside for kind in inner for inside in _fields(kind))
        if not inner:
            yield name


def _is_part(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Part)


def test_every_field_of_a_recipe_is_told_of() -> None:
    page = (ROOT / "docs" / "recipes.md").read_text()
    assert [name for name in _fields(Recipe) if not re.search(rf"[`.]{name}\b", page)] == []


def test_every_command_and_option_that_a_page_names_exists() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    lines = [
        line
        for page in pages
        for line in re.findall(r"(?:^    |`)prunery ([^`#\n]+)", page.read_text(), re.MULTILINE)
    ]
    assert len(lines) > 10
    for line in lines:
        command: Any = typer.main.get_command(build())
        words = line.split()
        while words and hasattr(command, "commands"):
            assert words[0] in (*command.commands, "..."), line
            command = command.commands.get(words.pop(0))
        known = [name for option in getattr(command, "params", ()) for name in option.opts]
        assert [word for word in words if word.startswith("--") and word not in known] == []
