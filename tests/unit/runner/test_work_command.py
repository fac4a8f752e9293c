"""`prunery work` refuses to run strangers' files without its walls, unless it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app.core import settings
from worker import commands
from worker.runner.sandbox import probe


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[list[str]]]:
    """Which workers were started, on a machine without Landlock."""
    found: list[list[str]] = []
    walls = probe.Walls(("seccomp",), ("landlock: not in this kernel, or switched off",))
    monkeypatch.setattr(probe, "walls", lambda: walls)
    monkeypatch.setattr(commands, "_consume", found.append)
    monkeypatch.setattr("app.core.log.configure", lambda *_: None)
    monkeypatch.setenv("PRUNERY_DATA_DIR", str(tmp_path))
    settings.load.cache_clear()
    yield found
    settings.load.cache_clear()


def work(*options: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(commands.work)
    done = CliRunner().invoke(app, list(options))
    return done.exit_code, done.stderr


def test_production_refuses_to_start_without_a_wall(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRUNERY_MODE", "production")
    code, said = work("--queues", "cpu")
    assert (code, started) == (78, [])
    assert "landlock: not in this kernel" in said
    assert "PRUNERY_SANDBOX_REQUIRED=false" in said


def test_an_operator_may_decide_otherwise(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRUNERY_MODE", "production")
    monkeypatch.setenv("PRUNERY_SANDBOX_REQUIRED", "false")
    assert work("--queues", "cpu")[0] == 0
    assert started == [["cpu"]]


def test_a_desk_is_warned_and_runs(started: list[list[str]]) -> None:
    code, said = work("--queues", "checks")
    assert (code, started) == (0, [["checks"]])
    assert "landlock" in said


def test_an_unknown_queue_is_wrong_use(started: list[list[str]]) -> None:
    assert work("--queues", "cpus")[0] == 2
    assert started == []
