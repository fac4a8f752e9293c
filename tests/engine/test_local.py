"""`prunery local`: a run that was stopped goes on, and its command names what the user has."""

from __future__ import annotations

import contextlib
import shlex
import signal
from pathlib import Path
from typing import Any

import pytest

from prunery.specs.errors import PruneryError
from prunery.specs.events import Event, StageEvent
from tests.engine import jobs
from tests.engine.test_repeat import members
from worker import local
from worker.kept import kept

RECIPE = {**jobs.QUICK, "objective": {}, "schedule": {"rounds": 2}}


def _listen(monkeypatch: pytest.MonkeyPatch, take: Any) -> list[str]:
    """Every stage that is told, `take` called with each."""
    stages: list[str] = []

    def told(_: Any, event: Event) -> None:
        if isinstance(event, StageEvent):
            stages.append(f"{event.stage} {event.level}")
            take(stages[-1])

    monkeypatch.setattr(local._Drawn, "__call__", told)
    return stages


def test_a_stopped_run_goes_on_and_ends_as_if_never_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.net().save(tmp_path / "net.keras")
    given = tmp_path / "net.keras", jobs.data(tmp_path / "data.npz"), RECIPE

    def interrupt(stage: str) -> None:
        if stage == "retraining 2":
            signal.raise_signal(signal.SIGINT)

    _listen(monkeypatch, interrupt)
    with pytest.raises(KeyboardInterrupt):
        local.prune(*given, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    stages = _listen(monkeypatch, lambda _: None)
    local.prune(*given, tmp_path / "again")
    assert not [stage for stage in stages if stage.startswith("dense")]
    local.prune(*given, tmp_path / "whole")
    for name in ("model.keras", "ticket.npz", "levels/2/model.keras"):
        assert members(tmp_path / "again" / name) == members(tmp_path / "whole" / name)
    assert list(tmp_path.glob(".prunery-*")) == []


def test_only_a_stop_keeps_the_folder(tmp_path: Path) -> None:
    for error in (KeyboardInterrupt(), ValueError()):
        with contextlib.suppress(type(error)), kept(tmp_path / "out", []) as folder:
            (folder / "level").touch()
            raise error
        assert folder.exists() == isinstance(error, KeyboardInterrupt)


def test_two_runs_of_one_command_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        kept(tmp_path / "out", []),
        pytest.raises(PruneryError, match="running already"),
        kept(tmp_path / "out", []),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_command_names_weights_and_architecture_as_they_came(tmp_path: Path) -> None:
    model = jobs.net()
    model.save_weights(tmp_path / "net.weights.h5")
    (tmp_path / "net.json").write_text(model.to_json())
    report = local.prune(
        tmp_path / "net.weights.h5",
        None,
        {"training": {"epochs": 0}},
        tmp_path / "out",
        architecture=tmp_path / "net.json",
    )
    assert report.method.command is not None
    words = shlex.split(report.method.command)
    assert words[3] == "net.weights.h5"
    assert words[words.index("--architecture") + 1] == "net.json"
