"""Once all groups together find no smaller size: parts of single groups."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from prunery.specs.recipe import Objective, Recipe, Schedule
from tests.engine import jobs
from worker.engine.evaluation import Metric
from worker.engine.lottery import limits
from worker.engine.lottery.descent import MOST_PARTS, PART, Made, Step, next_step
from worker.engine.lottery.levels import load_arrays
from worker.engine.lottery.limits import Held, Margin
from worker.engine.lottery.objectives import Limit

RECIPE = Recipe(
    objective=Objective(max_metric_drop=0.01),
    schedule=Schedule(kind="adaptive", pruning_fraction=0.2),
)
# The edge lies between 0.6 and 0.63 of the units; half of what is left was tried, too.
FOUND = [
    Made(Step(0, 0.4), within=False),
    Made(Step(0, 0.7), within=False),
    Made(Step(0, 0.225), within=True),
    Made(Step(3, 0.12), within=True, has_room=True),
]


def _savings(_: int) -> list[tuple[str, float]]:
    return [("small", 0.02), ("middle", 0.1), ("wide", 0.3), ("second", 0.2)]


def _parts(holds: dict[str, bool], *, has_room: bool = True) -> list[Step]:
    made = list(FOUND)
    while (step := next_step(RECIPE, made, _savings)) is not None:
        assert step.group is not None
        made.append(Made(step, holds[step.group], has_room=has_room))
    return [one.step for one in made[len(FOUND) :]]


def test_what_saves_most_goes_first_and_a_group_that_missed_stays() -> None:
    tried = _parts({"wide": False, "second": True})
    assert [step.group for step in tried] == ["wide", *["second"] * (MOST_PARTS - 1)]


def test_two_groups_that_miss_are_enough() -> None:
    tried = _parts({"wide": False, "second": False})
    assert [step.group for step in tried] == ["wide", "second"]


def test_what_saves_little_is_not_worth_a_training() -> None:
    assert next_step(RECIPE, FOUND, lambda _: [("small", 0.02)]) is None


def test_each_part_is_taken_from_the_smallest_level_so_far_and_their_number_is_bounded() -> None:
    steps = _parts({"wide": True})
    assert [(step.basis, step.group) for step in steps] == [(k, "wide") for k in range(4, 8)]
    assert len(steps) == MOST_PARTS


def test_no_part_is_tried_where_there_is_no_room() -> None:
    assert len(_parts({"wide": True}, has_room=False)) == 1
    tight = [*FOUND[:3], Made(Step(3, 0.12), within=True)]
    assert next_step(RECIPE, tight, _savings) is None


@pytest.mark.parametrize(
    "change", [{"scope": "layer"}, {"objective": Objective(max_metric_drop=0.01, density=0.01)}]
)
def test_who_asks_for_even_layers_or_a_size_gets_no_parts(change: dict[str, Any]) -> None:
    assert next_step(RECIPE.model_copy(update=change), FOUND, _savings) is None


def test_where_every_size_of_all_groups_misses_one_of_them_may_still_go() -> None:
    missed = [Made(Step(0, share), within=False) for share in (0.4, 0.7, 0.225, 0.12)]
    assert next_step(RECIPE, missed, _savings) == Step(0, PART, "wide")


def test_a_miss_beyond_luck_is_believed_at_once() -> None:
    made = [Made(Step(0, 0.4), within=False, hopeless=True)]
    step = next_step(RECIPE, made)
    assert step is not None
    assert step.fraction < 0.4


def test_a_level_as_large_as_one_before_ends_the_cuts_of_all_groups() -> None:
    made = [Made(Step(0, 0.4), within=True), Made(Step(1, 0.5), within=True, idle=True)]
    assert next_step(RECIPE, made) is None


@pytest.mark.parametrize(
    ("lost", "won", "drop", "tells"),
    [
        (7, 8, 0.01, "is_clear"),
        (8, 8, 0.01, "is_clear"),
        (1, 0, 0.03, "has_room is_clear"),
        (8, 3, 0.01, ""),
        (50, 0, 0.01, "is_hopeless"),
    ],
)
def test_a_margin_tells_room_from_luck(
    lost: int, won: int, drop: float, tells: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a hundred examples, 80 of which the dense model knows."""
    y, right = np.zeros(100, int), np.arange(100) < 80
    level = right.copy()
    level[:lost], level[80 : 80 + won] = False, True
    outputs = {"dense": np.eye(2)[1 - right], "level": np.eye(2)[1 - level]}
    metric = Metric("accuracy", "multiclass", "")
    monkeypatch.setattr(limits, "predictions", lambda _, model, __: outputs[model])
    held = Held(metric, Limit(0.8, drop, True, False), metric.prepare(y, outputs["dense"]))
    bench: Any = SimpleNamespace(
        facts={"held": (held,)}, judged_split=SimpleNamespace(y=y), seed_for=lambda _: 0
    )
    model: Any = "level"
    found = limits.margin(bench, model, metric.value(y, outputs["level"]))
    assert found.lost == pytest.approx((lost - won) / 100)
    properties = ("has_room", "is_clear", "is_hopeless")
    assert [name for name in properties if getattr(found, name)] == tells.split()


def test_wide_layers_shrink_beside_a_middle_that_must_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut together they miss at every size; the middle's count stands for the metric."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    hidden = [layers.Dense(24), layers.Dense(4, name="middle"), layers.Dense(24)]
    model = keras.Sequential([keras.Input((6,)), *hidden, layers.Dense(3, activation="softmax")])
    model.compile(
        keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    miss = limits.Miss(Metric("accuracy", "multiclass", ""), "")
    monkeypatch.setattr(
        limits,
        "missed",
        lambda _, model, __: None if model.get_layer("middle").units == 4 else miss,
    )
    monkeypatch.setattr(limits, "margin", lambda *_: Margin(0.0, 0.0, 0.01))
    recipe = {
        "objective": {"max_metric_drop": 0.5},
        "schedule": {"kind": "adaptive", "rounds": 5, "pruning_fraction": 0.2},
        "training": {"epochs": 1},
        "rewind": {"to": "none"},
    }
    report = jobs.prune(tmp_path, recipe, model=model).report
    together, part = (
        load_arrays(tmp_path / "levels" / str(level) / "kept.npz") for level in (4, 5)
    )
    shrunk = [name for name, units in part.items() if len(units) < len(together[name])]
    assert [report.extra["width_plans"]["5"]] == shrunk
    assert report.chosen_level == 5
    assert min(len(units) for units in part.values()) == 4
