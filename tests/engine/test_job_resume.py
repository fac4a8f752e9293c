"""Any attempt may end at any moment; the job ends as if none had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prunery.specs.errors import PruneryError
from prunery.specs.events import Event, ProgressEvent
from tests.engine import jobs
from worker.engine import stopping

RECIPE: dict[str, Any] = {"objective": {}, "controls": ["random_units"], "controls_on": "chosen"}


class _Killed(BaseException):
    """Stands for kill -9: nothing in the engine catches it."""


def _kill_at(share: float) -> Any:
    def listen(event: Event) -> None:
        if isinstance(event, ProgressEvent) and event.share >= share:
            raise _Killed

    return listen


def test_a_job_killed_again_and_again_ends_with_the_same_bytes(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    expected = jobs.prune(whole, RECIPE).weights()
    for share in (0.1, 0.35, 0.6, 0.9):
        with pytest.raises(_Killed):
            jobs.prune(broken, RECIPE, listen=_kill_at(share))
    assert jobs.prune(broken, RECIPE).weights() == expected


def test_finished_levels_are_not_computed_again(tmp_path: Path) -> None:
    jobs.prune(tmp_path, RECIPE)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "levels").rglob("*.keras")}
    jobs.prune(tmp_path, RECIPE)
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "levels").rglob("*.keras")}


def test_levels_of_another_recipe_are_not_used(tmp_path: Path) -> None:
    first = jobs.prune(tmp_path, RECIPE).weights()
    second = jobs.prune(tmp_path, {**RECIPE, "seed": 5}).weights()
    assert first != second


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        found.append(jobs.prune(tmp_path / name, RECIPE).weights())
    assert found[0] == found[1]


def test_finish_packs_the_best_level_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listen(event: Event) -> None:
        if getattr(event, "level", None) == 1 and event.type == "level":
            monkeypatch.setitem(stopping._asked, "finish", True)

    done = jobs.prune(tmp_path, RECIPE, listen=listen)
    assert [level.level for level in done.report.levels] == [0, 1]
    assert done.report.chosen_level == 1


def test_another_level_can_be_chosen_afterwards(tmp_path: Path) -> None:
    first = jobs.prune(tmp_path, RECIPE).report
    assert first.chosen_level == 2
    other = jobs.prune(tmp_path, RECIPE, kind="choose", choose_level=1, test_looks=2).report
    assert other.chosen_level == 1
    assert other.compact.parameters == first.levels[1].parameters
    assert other.comparison.test_looks == 2


def test_a_level_that_is_not_there_is_refused(tmp_path: Path) -> None:
    jobs.prune(tmp_path, RECIPE)
    with pytest.raises(PruneryError, match="no level 9"):
        jobs.prune(tmp_path, RECIPE, kind="choose", choose_level=9)
