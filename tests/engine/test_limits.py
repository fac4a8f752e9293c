"""How many examples can tell a drop, and what a limit means at its edge."""

from __future__ import annotations

import numpy as np
import pytest

from prunery.specs.report import Interval
from worker.engine.evaluation import Metric
from worker.engine.lottery.limits import surely, telling
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


@pytest.mark.parametrize(("up", "worst"), [(True, 0.95), (False, 0.99)])
def test_a_figure_of_few_examples_is_held_against_nobody_beyond_its_error(
    up: bool, worst: float
) -> None:
    half = 1.96 * 0.02
    found = Interval(value=0.97, low=0.97 - half, high=0.97 + half)
    assert surely(0.97, found, up) == pytest.approx(worst)
    assert surely(0.97, None, up) == 0.97
