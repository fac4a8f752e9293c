"""How many examples can tell a drop, and what a limit means at its edge."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from prunery.specs.report import Interval
from worker.engine.evaluation import Metric
from worker.engine.lottery import limits
from worker.engine.lottery.limits import Held, surely, telling
from worker.engine.lottery.objectives import Limit

LABELS = np.array([0] * 97 + [1] * 3)


@pytest.mark.parametrize(("name", "count"), [("accuracy", 100), ("auc", 6), ("f1", 100)])
def test_rare_classes_say_as_little_as_they_are_few(name: str, count: int) -> None:
    assert telling(Metric(name, "binary", ""), {"y": LABELS}) == count


def test_one_hot_labels_are_counted_by_class() -> None:
    metric = Metric("balanced_accuracy", "multiclass", "")
    assert telling(metric, {"y": np.eye(3)[[0, 0, 0, 0, 1, 1, 2, 2]]}) == 6


@pytest.mark.parametrize(("up", "worst"), [(True, 0.88), (False, 0.92)])
def test_the_worst_value_of_a_limit_holds(up: bool, worst: float) -> None:
    limit = Limit(0.9, 0.02, up, relative=False)
    assert limit.worst == pytest.approx(worst)
    assert limit.holds(limit.worst)


@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize(
    ("lost", "error", "holds"),
    [
        (0.006, 0.0079, True),
        (0.006, 0.0081, False),
        (0.0, 0.019, True),
        (0.0, 0.021, False),  # no loss on few examples is luck as easily as a small one
        (-0.01, 0.039, True),
        (-0.01, 0.041, False),
        (0.0, float("nan"), True),
        (0.001, float("nan"), False),
    ],
)
def test_half_a_standard_error_must_fit_within_the_limit(
    up: bool, lost: float, error: float, holds: bool
) -> None:
    limit = Limit(0.9, 0.01, up, relative=False)
    assert limit.holds(0.9 - lost if up else 0.9 + lost, error) is holds


@pytest.mark.parametrize(("lost", "won", "passes"), [(4, 1, True), (14, 11, False), (9, 9, True)])
def test_a_loss_that_may_be_luck_on_validation_is_a_miss(
    lost: int, won: int, passes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 500 examples as many more are lost than won, 0.6 of a point: less than the limit."""
    y = np.zeros(500, int)
    dense, level = np.arange(500) < 450, np.arange(500) < 450
    level[:lost], level[450 : 450 + won] = False, True
    outputs = {"dense": np.eye(2)[1 - dense], "level": np.eye(2)[1 - level]}
    metric = Metric("accuracy", "multiclass", "")
    monkeypatch.setattr(limits, "predictions", lambda _, model, __: outputs[model])
    bench: Any = SimpleNamespace(
        metric=metric, judged_split=SimpleNamespace(y=y), seed_for=lambda _: 0
    )
    limit = Limit(0.9, 0.01, True, relative=False)
    bench.facts = {"held": (Held(metric, limit, metric.prepare(y, outputs["dense"])),)}
    found = limits.missed(bench, "level", metric.value(y, outputs["level"]))  # type: ignore[arg-type]
    assert (found is None) is passes


@pytest.mark.parametrize(("error", "why"), [(0.4, None), (0.6, "size lost too much: mae 0.6, 0.5")])
def test_another_output_is_held_by_its_own_metric(
    error: float, why: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenth more of an error of one half is 0.55; the kind, which ranks, loses nothing."""
    y = {"kind": np.zeros(500, int), "size": np.zeros(500)}
    right = np.tile([1.0, 0.0], (500, 1))
    outputs = {
        "dense": {"kind": right, "size": np.full((500, 1), 0.5)},
        "level": {"kind": right, "size": np.full((500, 1), error)},
    }
    metrics = (
        Metric("accuracy", "multiclass", "", output="kind"),
        Metric("mae", "regression", "", output="size"),
    )
    held = [
        Held(one, limit, one.prepare(y, outputs["dense"]))
        for one, limit in zip(
            metrics, (Limit(1.0, 0.1, True, False), Limit(0.5, 0.1, False, True)), strict=True
        )
    ]
    bench: Any = SimpleNamespace(
        metric=metrics[0],
        judged_split=SimpleNamespace(y=y),
        seed_for=lambda _: 0,
        facts={"held": tuple(held)},
    )
    monkeypatch.setattr(limits, "predictions", lambda _, model, __: outputs[model])
    model: Any = "level"
    found = limits.missed(bench, model, 1.0)
    assert limits.others_hold(bench, model) is (found is None) is (why is None)
    assert why is None or (found is not None and why in found.why)


@pytest.mark.parametrize(("up", "worst"), [(True, 0.95), (False, 0.99)])
def test_a_figure_of_few_examples_is_held_against_nobody_beyond_its_error(
    up: bool, worst: float
) -> None:
    half = 1.96 * 0.02
    found = Interval(value=0.97, low=0.97 - half, high=0.97 + half)
    assert surely(0.97, found, up) == pytest.approx(worst)
    assert surely(0.97, None, up) == 0.97
