"""Wrong usage of the command: exit code 2, before anything is sent."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from prunery import cli
from prunery.specs.errors import CODES, PruneryError


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("push",),
        ("push", "nowhere.keras"),
        ("push", __file__),
        ("prune",),
        ("prune", "mdl_1", "nowhere.npz"),
        ("prune", "mdl_1", "dst_1", "--set", "epochs"),
        ("prune", "mdl_1", "dst_1", "--recipe", "nowhere.json"),
        ("prune", "mdl_1", "dst_1", "--recipe", __file__),
        ("prune", "mdl_1", "dst_1", "--out", __file__),
        ("prune", "mdl_1", "dst_1", "--label-column", "price"),
        ("local", "prune", __file__, "--out", __file__),
        ("jobs", "--nonsense"),
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_2(arguments: tuple[str, ...]) -> None:
    found = CliRunner().invoke(cli.build(), list(arguments), env={"PRUNERY_URL": "http://[::1]:9"})
    assert found.exit_code == 2, found.output
    assert "Usage: " in found.output


def test_every_command_explains_itself() -> None:
    found = CliRunner().invoke(cli.build(), ["--help"])
    assert found.exit_code == 0
    commands = {"push", "prune", "watch", "get", "jobs", "finish", "cancel"}
    commands |= {"up", "migrate", "work", "serve", "local"}
    assert commands <= set(found.output.split())


def test_what_was_typed_wrongly_is_told_from_what_failed() -> None:
    assert set(CODES) >= cli.WRONG_USE
    assert cli.exit_code(PruneryError("recipe_invalid", "x")) == 2
    assert cli.exit_code(PruneryError("deadline_exceeded", "x")) == 1
