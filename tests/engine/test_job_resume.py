"""Any attempt may end at any moment; the job ends as if none had."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prunery.screening import lengths
from prunery.specs.errors import PruneryError
from prunery.specs.events import Event, ProgressEvent
from tests.engine import jobs
from worker.engine import stopping

RECIPE: dict[str, Any] = {
    "objective": {},
    "controls": ["random_units"],
    "controls_on": "chosen",
    "training": {"schedule": "auto", "epochs": 4},
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> jobs.Done:
    """The job undisturbed; read it, or go on in a copy of its folder."""
    return jobs.prune(tmp_path_factory.mktemp("whole"), RECIPE)


@pytest.fixture
def ended(whole: jobs.Done, tmp_path: Path) -> Path:
    """A folder in which the job has ended."""
    return Path(shutil.copytree(whole.out.parent, tmp_path / "ended"))


class _Killed(BaseException):
    """Stands for kill -9: nothing in the engine catches it."""


def _kill_at(share: float) -> Any:
    def listen(event: Event) -> None:
        if isinstance(event, ProgressEvent) and event.share >= share:
            raise _Killed

    return listen


def test_a_job_killed_again_and_again_ends_with_the_same_bytes(
    whole: jobs.Done, tmp_path: Path
) -> None:
    for share in (0.1, 0.35, 0.6, 0.9):
        with pytest.raises(_Killed):
            jobs.prune(tmp_path, RECIPE, listen=_kill_at(share))
    done = jobs.prune(tmp_path, RECIPE)
    assert done.weights() == whole.weights()
    assert {d.field: d for d in done.report.method.decisions} == {
        d.field: d for d in whole.report.method.decisions
    }
    assert done.report.extra == whole.report.extra


def _kill_after(checkpoints: int) -> Any:
    told: list[Event] = []

    def listen(event: Event) -> None:
        if event.type == "checkpoint":
            told.append(event)
        if len(told) == checkpoints:
            raise _Killed

    return listen


def test_an_early_bird_that_was_killed_ends_after_the_same_epoch(tmp_path: Path) -> None:
    recipe = {
        "objective": {},
        "schedule": {"early_bird": True, "rounds": 1},
        "training": {"epochs": 40, "early_stopping": False, "retrain_epochs": 1},
    }
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    expected = jobs.prune(whole, recipe)
    dense = expected.report.levels[0].epochs_trained
    assert dense is not None
    kills = 0
    with suppress(StopIteration):
        while kills < dense:
            with suppress(_Killed):
                jobs.prune(broken, recipe, listen=_kill_after(3), checkpoint_seconds=0.0)
                raise StopIteration
            kills += 1
    assert kills > dense // 3, "no attempt sees as many epochs as are compared"
    done = jobs.prune(broken, recipe)
    assert done.report.levels[0].epochs_trained == dense
    assert done.weights() == expected.weights()
    assert any("early bird" in warning for warning in done.report.warnings)


def test_finished_levels_are_not_computed_again(ended: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (ended / "levels").rglob("*.keras")}
    assert before
    jobs.prune(ended, RECIPE)
    assert before == {p: p.stat().st_mtime_ns for p in (ended / "levels").rglob("*.keras")}


def _older(path: Path) -> None:
    """Make a checkpoint what a version of ours wrote whose optimizer kept other slots."""
    with np.load(path, allow_pickle=False) as archive:
        kept = {name: archive[name] for name in archive.files if "velocities" not in name}
    np.savez(path, **kept)  # type: ignore[arg-type]


def test_a_checkpoint_that_does_not_fit_is_started_again_and_told(
    whole: jobs.Done, tmp_path: Path
) -> None:
    with pytest.raises(_Killed):
        jobs.prune(tmp_path, RECIPE, listen=_kill_after(3), checkpoint_seconds=0.0)
    (running,) = (tmp_path / "checkpoint" / "running").iterdir()
    _older(running)
    done = jobs.prune(tmp_path, RECIPE)
    assert done.weights() == whole.weights()
    assert any("started again from its beginning" in told for told in done.report.warnings)


def test_what_an_unknown_version_finished_is_made_again_and_told(
    whole: jobs.Done, ended: Path
) -> None:
    manifest = ended / "levels" / "1" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"figures"', '"numbers"'))
    outcome = ended / "checkpoint" / "done" / "control--random_units" / "outcome.json"
    outcome.write_text(outcome.read_text().replace('"epochs"', '"rounds"'))
    done = jobs.prune(ended, RECIPE)
    assert done.weights() == whole.weights()
    told = [warning.split(" was")[0] for warning in done.report.warnings if "version" in warning]
    assert set(told) == {"Level 1", "control/random_units"}


def test_levels_of_another_recipe_are_not_used(whole: jobs.Done, ended: Path) -> None:
    assert jobs.prune(ended, {**RECIPE, "seed": 5}).weights() != whole.weights()


def test_the_same_seed_gives_the_same_bytes(whole: jobs.Done, tmp_path: Path) -> None:
    assert jobs.prune(tmp_path, RECIPE).weights() == whole.weights()


def test_finish_packs_the_best_level_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listen(event: Event) -> None:
        if getattr(event, "level", None) == 1 and event.type == "level":
            monkeypatch.setitem(stopping._asked, "finish", True)

    done = jobs.prune(tmp_path, RECIPE, listen=listen)
    assert [level.level for level in done.report.levels] == [0, 1]
    assert done.report.chosen_level == 1


def test_another_level_can_be_chosen_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any training, also where the first answer came of trials and lengths left open."""
    monkeypatch.setattr(lengths, "USUAL", (2, 10))
    training = {"epochs": "auto", "schedule": "from model", "distillation": 0.5, "loop": "auto"}
    recipe = {**RECIPE, "rewind": {"to": "initial"}, "training": training}
    few = jobs.data(tmp_path / "few.npz", count=60)
    first = jobs.prune(tmp_path, recipe, dataset=few).report
    assert first.chosen_level == 2
    chosen = jobs.prune(tmp_path, recipe, dataset=few, kind="choose", choose_level=1, test_looks=2)
    other = chosen.report
    assert not [event for event in chosen.events if isinstance(event, ProgressEvent)]
    assert other.method.recipe == first.method.recipe
    assert other.method.training_loop == first.method.training_loop != "auto"
    assert other.chosen_level == 1
    assert other.compact.parameters == first.levels[1].parameters
    assert other.comparison.test_looks == 2
    tried = [one for one in first.method.decisions if one.field == "training.distillation"]
    assert tried, "of the size chosen first, and said of no other"
    assert set(other.method.decisions) == set(first.method.decisions) - set(tried)
    assert other.extra == first.extra


def test_a_level_that_is_not_there_is_refused(ended: Path) -> None:
    with pytest.raises(PruneryError, match="no level 9"):
        jobs.prune(ended, RECIPE, kind="choose", choose_level=9)
