"""`prunery local`: a run that was stopped goes on, and its command names what the user has."""

from __future__ import annotations

import contextlib
import shlex
import signal
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from prunery.cli import build, exit_code
from prunery.specs.errors import PruneryError
from prunery.specs.events import Event, StageEvent
from tests.engine import jobs
from tests.engine.test_repeat import members
from worker.local import commands as local
from worker.local import listening
from worker.local.kept import kept, left

RECIPE = {**jobs.QUICK, "objective": {}, "schedule": {"rounds": 2}}


def _listen(monkeypatch: pytest.MonkeyPatch, take: Any) -> list[str]:
    """Every stage that is told, `take` called with each."""
    stages: list[str] = []

    def told(_: Any, event: Event) -> None:
        if isinstance(event, StageEvent):
            stages.append(f"{event.stage} {event.level}")
            take(stages[-1])

    monkeypatch.setattr(listening.Drawn, "__call__", told)
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
    assert left(tmp_path / "again") == []


def test_only_a_stop_keeps_the_folder(tmp_path: Path) -> None:
    for error in (KeyboardInterrupt(), ValueError()):
        with contextlib.suppress(type(error)), kept(tmp_path / "out", []) as folder:
            (folder / "level").touch()
            raise error
        assert folder.exists() == isinstance(error, KeyboardInterrupt)


def test_what_was_left_goes_when_another_run_has_made_the_result(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for asked in ("one", "two"):
        with contextlib.suppress(KeyboardInterrupt), kept(out, [], asked):
            raise KeyboardInterrupt
    assert len(left(out)) == 2
    with kept(out, [], "busy"):
        with kept(out, [], "two") as again:
            assert again in left(out)
        assert len(left(out)) == 1  # the one at work
    with kept(tmp_path / "out[1]", []):
        pass
    assert list(tmp_path.iterdir()) == []


def test_inspect_judges_the_pair_and_the_recipe_and_ends_as_prune_would(tmp_path: Path) -> None:
    jobs.net().save(tmp_path / "net.keras")
    model, good = str(tmp_path / "net.keras"), str(jobs.data(tmp_path / "data.npz"))
    narrow = str(tmp_path / "narrow.npz")
    np.savez(narrow, x=np.zeros((50, 5), "float32"), y=np.arange(50) % 3)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(build(), ["local", "inspect", model, *arguments])

    fits = run(good)
    assert fits.exit_code == 0, fits.output
    assert "Model and dataset fit. A job takes" in fits.stdout
    for arguments, code, pointer in (
        ([narrow], 1, "/dataset/x"),
        ([good, "--set", "data.resize=crop"], 2, "/data/resize"),
        ([good, "--set", "training.epochs=-1"], 2, "/training/epochs"),
    ):
        refused = run(*arguments, "--json").exception
        assert isinstance(refused, PruneryError)
        assert exit_code(refused) == code
        assert pointer in {one.pointer for one in refused.errors}


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"data": {"resize": "fit"}}, "/data/resize"),
        ({"data": {"labels": "multi_label"}}, "/data/labels"),
        ({"round_to": 512}, "/round_to"),
    ],
)
def test_options_that_do_not_apply_to_the_files_are_refused(
    options: dict[str, Any], pointer: str, tmp_path: Path
) -> None:
    jobs.net().save(tmp_path / "net.keras")
    recipe = {**RECIPE, **options}
    with pytest.raises(PruneryError) as caught:
        local.prune(
            tmp_path / "net.keras", jobs.data(tmp_path / "data.npz"), recipe, tmp_path / "out"
        )
    assert [one.pointer for one in caught.value.errors] == [pointer]


@pytest.mark.parametrize(
    ("option", "value"), [("validation_fraction", "0"), ("test_fraction", "0.9"), ("seed", "-1")]
)
def test_an_option_out_of_range_is_refused_in_our_words(
    option: str, value: str, tmp_path: Path
) -> None:
    model, data = tmp_path / "net.keras", tmp_path / "data.npz"
    model.touch()
    data.touch()
    named = f"--{option.replace('_', '-')}"
    line = ["local", "prune", str(model), str(data), named, value]
    refused = CliRunner().invoke(build(), line).exception
    assert isinstance(refused, PruneryError)
    assert [one.pointer for one in refused.errors] == [f"/{option}"]
    assert refused.errors[0].message.startswith("Write a number")


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


def test_a_place_where_nothing_can_be_made_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PruneryError) as caught, kept(tmp_path / "file" / "out", []):
        pass
    assert (caught.value.code, caught.value.hint) == ("request_invalid", "Give another --out.")


def test_training_without_examples_is_wrong_use(tmp_path: Path) -> None:
    jobs.net().save(tmp_path / "net.keras")
    with pytest.raises(PruneryError) as caught:
        local.prune(tmp_path / "net.keras", None, {}, tmp_path / "out")
    assert exit_code(caught.value) == 2
    assert [one.pointer for one in caught.value.errors] == ["/dataset"]
    assert "set training.epochs to 0" in caught.value.detail


def test_layers_may_be_named_like_markup(tmp_path: Path) -> None:
    layers = [keras.Input((4,)), keras.layers.Dense(8, name="[b]x"), keras.layers.Dense(3)]
    keras.Sequential(layers, name="[-b]").save(tmp_path / "net.keras")
    found = CliRunner().invoke(build(), ["local", "inspect", str(tmp_path / "net.keras")])
    assert found.exit_code == 0, found.output
    assert "[b]x" in found.stdout
