"""How far each step goes down, and when the edge is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prunery.specs.recipe import Objective, Recipe, Schedule
from tests.engine import jobs
from worker.engine.evaluation import Metric
from worker.engine.lottery import limits, rewinding, rounds
from worker.engine.lottery.descent import Made, Step, next_step

LIMITED = Objective(max_metric_drop=0.01)
MISS = limits.Miss(Metric("accuracy", "multiclass", ""), "")


def _recipe(**schedule: object) -> Recipe:
    return Recipe(objective=LIMITED, schedule=Schedule(**{"kind": "adaptive", **schedule}))


def _descend(recipe: Recipe, holds: Callable[[float], bool]) -> list[float]:
    """The share of units alive at each level, where the limit holds for the shares it holds for."""
    made: list[Made] = []
    shares = [1.0]
    while (step := next_step(recipe, made)) is not None and len(made) < 40:
        shares.append(shares[step.basis] * (1 - step.fraction))
        made.append(Made(step, holds(shares[-1])))
    return shares


@pytest.mark.parametrize("edge", [0.9, 0.55, 0.3, 0.11, 0.04])
def test_the_edge_is_found_closely_in_few_levels(edge: float) -> None:
    shares = _descend(_recipe(pruning_fraction=0.2), lambda share: share >= edge)
    smallest = min(share for share in shares if share >= edge)
    assert smallest * 0.8 < edge <= smallest
    assert len(shares) <= 9


def test_every_step_starts_from_the_smallest_level_within_the_limit() -> None:
    recipe = _recipe(pruning_fraction=0.2)
    made = [Made(Step(0, 0.2), within=True), Made(Step(1, 0.4), within=False)]
    for misses in (1, 2):
        step = next_step(recipe, made)
        assert step is not None
        assert step.basis == 1
        assert (step.fraction < 0.4) == (misses == 2)
        made.append(Made(step, within=False))


@pytest.mark.parametrize("unlucky", [1, 2, 3])
def test_one_unlucky_miss_does_not_end_the_descent(unlucky: int) -> None:
    tries = iter(range(1, 40))
    shares = _descend(
        _recipe(pruning_fraction=0.2), lambda share: share >= 0.05 and next(tries) != unlucky
    )
    assert min(share for share in shares if share >= 0.05) < 0.05 / 0.8


def test_where_nothing_smaller_can_be_made_a_miss_is_believed_at_once() -> None:
    made = [Made(Step(0, 0.5), within=True), Made(Step(1, 0.5), within=False, least=True)]
    step = next_step(_recipe(pruning_fraction=0.2), made)
    assert step is not None
    assert 0 < step.fraction < 0.5


def test_without_a_limit_steps_stay_even() -> None:
    recipe = Recipe(schedule=Schedule(kind="adaptive", pruning_fraction=0.3))
    made = [Made(Step(0, 0.3), within=True)]
    step = next_step(recipe, made)
    assert step is not None
    assert (step.basis, round(step.fraction, 9)) == (1, 0.3)


def test_levels_after_a_miss_lie_between_it_and_the_last_one_within(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A count of parameters stands for the metric, so that the edge is known."""
    enough = 100
    monkeypatch.setattr(
        limits, "missed", lambda _, model, __: None if model.count_params() >= enough else MISS
    )
    recipe = {
        "objective": {"max_metric_drop": 0.02},
        "schedule": {"kind": "adaptive", "rounds": 8, "pruning_fraction": 0.2},
        "training": {"epochs": 1},
        "rewind": {"to": "none"},
    }
    levels = jobs.prune(tmp_path, recipe).report.levels
    missed = [level.parameters for level in levels if level.parameters < enough]
    chosen = next(level for level in levels if level.chosen)
    assert missed
    assert chosen.parameters == min(n.parameters for n in levels if n.parameters >= enough)
    assert chosen.level > 1, "the edge lies between two steps"


def test_fresh_weights_that_won_are_shipped_as_what_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only fresh weights stay within the limit, the report calls the network by its name."""
    seen: list[str] = []
    real = rounds.Round._try

    def noted(self: rounds.Round, level: int, arm: object, *rest: object) -> object:
        seen.append(arm.rewind)  # type: ignore[attr-defined]
        return real(self, level, arm, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(rounds.Round, "_try", noted)
    monkeypatch.setattr(limits, "missed", lambda *_: None if seen[-1:] == ["fresh"] else MISS)
    done = jobs.prune(
        tmp_path,
        {"objective": {"max_metric_drop": 0.5}, "schedule": {"kind": "adaptive", "rounds": 1}},
    )
    assert seen[-1] == "fresh"
    assert done.report.verdict.shipped == "fresh_small"
    assert done.report.verdict.winning_ticket is not True


def test_the_report_tells_how_the_chosen_level_was_trained_and_not_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = iter(range(100))
    monkeypatch.setattr(limits, "missed", lambda *_: None if next(tried) < 1 else MISS)
    schedule = {"kind": "adaptive", "rounds": 2}
    report = jobs.prune(tmp_path, {"objective": LIMITED.model_dump(), "schedule": schedule}).report
    chosen = {one.field: one for one in report.method.decisions}["rewind.to"]
    assert [level.within_limit for level in report.levels] == [True, True, False]
    assert (report.chosen_level, chosen.chosen, chosen.why) == (1, "initial", rounds.ONLY_ONE)


def test_at_a_miss_trained_weights_go_before_fresh_ones_and_the_worst_arm_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fine-tuning rescued most levels that the first arm missed, and ends soonest."""
    seen: dict[int, list[tuple[str, str]]] = {}
    real = rounds.Round._try

    def noted(self: rounds.Round, level: int, arm: rewinding.Arm, *rest: Any) -> Any:
        seen.setdefault(level, []).append((arm.rewind, arm.schedule))
        return real(self, level, arm, *rest)

    monkeypatch.setattr(rounds.Round, "_try", noted)
    monkeypatch.setattr(limits, "missed", lambda *_: MISS)
    recipe = {"objective": {"max_metric_drop": 0.5}, "schedule": {"kind": "adaptive", "rounds": 2}}
    jobs.prune(tmp_path, {**recipe, **jobs.ALL_RATES})
    first = [(start, "constant_ema") for start in ("initial", "none", "fresh")]
    assert seen[1] == first
    assert len(seen[2]) == 2
    assert set(seen[2]) < set(first)
