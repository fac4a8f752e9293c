"""Intervals cover what they say they cover, and comparisons are paired."""

from __future__ import annotations

from statistics import NormalDist

import keras
import numpy as np
import pytest

from prunery.specs.models import TaskKind
from tests.engine.training_nets import Arrays, Scaled, mlp
from worker.engine.evaluation import (
    Metric,
    choose_metric,
    compare,
    interval,
    predict,
    standard_error,
)
from worker.engine.evaluation.comparison import mcnemar
from worker.engine.evaluation.intervals import bootstrap, of_area, percentiles, wilson

ACCURACY = choose_metric("multiclass")


def _told(right: np.ndarray, y: np.ndarray, classes: int = 4) -> np.ndarray:
    return keras.utils.to_categorical(np.where(right, y, (y + 1) % classes), classes)


def test_wilson_by_the_book():
    low, high = wilson(15, 20)
    assert (low, high) == (pytest.approx(0.5313, abs=1e-4), pytest.approx(0.8881, abs=1e-4))
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == 1.0
    assert wilson(10, 10)[0] < 0.75


def test_interval_of_a_share_covers_the_truth_95_times_in_100():
    draw = np.random.default_rng(0)
    y = draw.integers(0, 4, 300)
    covered = 0
    for _ in range(400):
        found = interval(ACCURACY, y, _told(draw.random(300) < 0.85, y))
        covered += found.low <= 0.85 <= found.high
    assert 0.92 <= covered / 400 <= 0.985


def test_bootstrap_interval_of_an_error_is_about_the_normal_one():
    draw = np.random.default_rng(1)
    y = draw.normal(size=2000)
    p = y + draw.normal(size=2000)
    metric = choose_metric("regression")
    found = interval(metric, y, p, seed=0)
    squares = (y - p) ** 2
    half = 1.96 * squares.std() / np.sqrt(2000)
    assert found.value == pytest.approx(squares.mean())
    assert found.high - found.low == pytest.approx(2 * half, rel=0.15)
    assert interval(metric, y, p, seed=0) == found


@pytest.mark.parametrize(("positives", "area"), [(13, 0.93), (5, 0.985), (40, 0.75)])
def test_interval_of_an_area_holds_95_times_in_100_however_few_are_positive(
    positives: int, area: float
) -> None:
    metric, draw = Metric("auc", "binary", ""), np.random.default_rng(5)
    y = np.repeat([1, 0], [positives, 300])
    apart = NormalDist().inv_cdf(area) * np.sqrt(2)
    found = [
        interval(metric, y, (draw.normal(size=len(y)) + apart * y)[:, None]) for _ in range(400)
    ]
    covered = np.mean([one.low <= area <= one.high for one in found])
    assert 0.92 <= covered <= 0.99


def test_interval_of_an_area_at_its_ends() -> None:
    assert of_area(1.0, 13, 407) == (pytest.approx(0.92, abs=0.005), 1.0)
    assert of_area(0.0, 407, 13) == (0.0, pytest.approx(0.08, abs=0.005))
    low, high = of_area(0.5, 20, 30)
    assert low + high == pytest.approx(1)
    assert np.isnan(of_area(float("nan"), 0, 9)).all()


def test_areas_of_few_positives_are_compared_as_few() -> None:
    metric, y = Metric("auc", "binary", ""), np.repeat([1, 0], [4, 196])
    draw = np.random.default_rng(6)
    dense = (y + draw.normal(size=200))[:, None]
    compact = dense + 0.3 * draw.normal(size=(200, 1))
    rows = [metric.prepare(y, p) for p in (dense, compact)]
    values = np.subtract(*bootstrap(metric, rows[::-1], 0))
    found = compare(metric, y, dense, compact).difference
    assert found is not None
    assert (found.low, found.high) == percentiles(values, 4)
    low, high = percentiles(values, 200)
    assert found.high - found.low > 1.3 * (high - low)


@pytest.mark.parametrize(("name", "task"), [("accuracy", "binary"), ("auc", "binary")])
def test_a_paired_standard_error_is_that_of_the_interval(name: str, task: TaskKind) -> None:
    draw = np.random.default_rng(4)
    y = draw.integers(0, 2, 400)
    dense = np.clip(0.3 + 0.4 * y + 0.3 * draw.normal(size=400), 0, 1)
    compact = np.clip(dense + 0.2 * draw.normal(size=400), 0, 1)
    metric = Metric(name, task, "")
    found = compare(metric, y, dense[:, None], compact[:, None]).difference
    rows = [metric.prepare(y, p[:, None]) for p in (dense, compact)]
    assert found is not None
    assert standard_error(metric, *rows) == pytest.approx((found.high - found.low) / 3.92, rel=0.15)


def test_a_paired_standard_error_by_hand_and_of_one_example() -> None:
    dense, compact = np.ones(100, bool), np.ones(100, bool)
    compact[:4], dense[99] = False, False
    variance = (5 - 100 * 0.03**2) / 99
    assert standard_error(ACCURACY, (dense,), (compact,)) == pytest.approx(np.sqrt(variance / 100))
    assert np.isnan(standard_error(ACCURACY, (dense[:1],), (compact[:1],)))


def test_few_examples_get_wider_intervals_than_their_draws() -> None:
    """The middle 95% of draws of 12 examples holds the truth of a normal mean 90% of the time."""
    draws = np.random.default_rng(3).normal(size=100_000)
    few, many = percentiles(draws, 12), percentiles(draws, 100_000)
    assert many == pytest.approx((-1.96, 1.96), abs=0.03)
    student = 2.201 * np.sqrt(12 / 11)  # of 11 degrees of freedom
    assert few == pytest.approx((-student, student), abs=0.05)


def test_paired_comparison_is_sharper_than_two_intervals():
    draw = np.random.default_rng(2)
    y = draw.integers(0, 4, 2000)
    dense = draw.random(2000) < 0.85
    compact = dense.copy()
    compact[draw.choice(np.flatnonzero(dense), 20, replace=False)] = False
    found = compare(ACCURACY, y, _told(dense, y), _told(compact, y), seed=0, allowed_drop=0.01)
    assert found.difference is not None
    assert found.difference.value == pytest.approx(-0.01)
    assert -0.017 < found.difference.low < found.difference.high < -0.004
    assert (found.only_dense_right, found.only_compact_right) == (20, 0)
    counts = (
        found.both_right,
        found.only_dense_right,
        found.only_compact_right,
        found.neither_right,
    )
    assert sum(counts) == 2000
    assert found.mcnemar_p == pytest.approx(2 * 0.5**20)
    assert found.allowed_drop == 0.01
    alone = interval(ACCURACY, y, _told(dense, y))
    assert found.difference.high - found.difference.low < (alone.high - alone.low) / 2


def test_mcnemar_is_exact_and_two_sided():
    assert mcnemar(5, 5) == 1.0
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(1, 9) == pytest.approx(22 / 1024)
    assert mcnemar(9, 1) == mcnemar(1, 9)


def test_interval_of_the_difference_covers_the_truth():
    draw = np.random.default_rng(3)
    y, covered = draw.integers(0, 4, 400), 0
    for _ in range(300):
        luck = draw.random(400)
        dense, compact = luck < 0.9, (luck < 0.86) | (luck > 0.99)
        found = compare(ACCURACY, y, _told(dense, y), _told(compact, y)).difference
        assert found is not None
        covered += found.low <= -0.03 <= found.high
    assert covered / 300 > 0.92


def test_class_that_pruning_hurts_is_seen():
    y = np.array([0] * 90 + [1] * 10)
    dense, compact = np.ones(100, bool), np.ones(100, bool)
    compact[90:96] = False
    found = compare(
        ACCURACY, y, _told(dense, y, 2), _told(compact, y, 2), classes=["common", "rare"]
    )
    rare = found.per_class[1]
    assert (rare.name, rare.examples, rare.dense, rare.compact) == ("rare", 10, 1.0, 0.4)
    assert found.confusion_change == ((0, 0), (6, -6))


def test_figures_that_are_no_share_are_compared_by_paired_bootstrap():
    draw = np.random.default_rng(4)
    y = draw.normal(size=500)
    noise = draw.normal(size=500)
    found = compare(choose_metric("regression"), y, y + noise, y + noise * 1.05, seed=1)
    assert found.difference is not None
    assert found.difference.low > 0
    assert found.difference.high < 0.13, "drawn apart, the two would differ by luck as well"
    assert "bootstrap" in (found.method or "")
    assert found.per_class == ()


def test_balanced_accuracy_is_sure_of_no_more_than_its_rarest_class():
    """Three examples of a class, all right or all wrong, say little of it: bootstraps hold 73%."""
    metric, draw = Metric("balanced_accuracy", "multiclass", ""), np.random.default_rng(6)
    y = np.repeat([0, 1, 2], [40, 17, 3])
    alone = differ = 0
    for _ in range(200):
        luck = draw.random(60)
        dense, compact = _told(luck < 0.8, y, 3), _told(luck < 0.7, y, 3)
        one, two = interval(metric, y, dense), compare(metric, y, dense, compact).difference
        assert two is not None
        alone += one.low <= 0.8 <= one.high
        differ += two.low <= -0.1 <= two.high
    assert alone / 200 > 0.92
    assert differ / 200 > 0.92


def test_predictions_come_in_order_whatever_the_batch():
    model = mlp()
    draw = np.random.default_rng(0)
    split = Arrays({"x": draw.integers(0, 255, (70, 6)).astype("uint8")}, {})
    scale = Scaled(1 / 255, -0.5)
    whole = predict(model, split, scale, batch=70)
    np.testing.assert_allclose(whole, predict(model, split, scale, batch=16), atol=1e-6)
    by_hand = model(split.x["x"].astype("float32") / 255 - 0.5).numpy()
    np.testing.assert_allclose(whole, by_hand, atol=1e-6)
    assert predict(model, Arrays({"x": split.x["x"][:0]}, {}), scale).shape == (0, 3)


def test_several_outputs_are_predicted_by_name():
    inputs = keras.Input((3,), name="in")
    outputs = {"b": keras.layers.Dense(2, name="two")(inputs), "a": keras.layers.Dense(1)(inputs)}
    model = keras.Model(inputs, outputs)
    split = Arrays({"in": np.ones((5, 3), "float32")}, {})
    told = predict(model, split)
    assert isinstance(told, dict)
    assert {name: value.shape for name, value in told.items()} == {"a": (5, 1), "b": (5, 2)}


def test_areas_of_several_labels_are_as_sure_as_draws_say_and_take_no_draws() -> None:
    draw = np.random.default_rng(0)
    y = draw.random((600, 4)) < [0.5, 0.2, 0.05, 0.0]
    before = y + draw.normal(size=y.shape)
    after = np.round(before + 0.5 * draw.normal(size=y.shape), 1)  # with ties
    metric = Metric("auc", "multilabel", "")
    rows = [metric.prepare(y, p) for p in (before, after)]
    drawn = bootstrap(metric, rows, 0)
    found = interval(metric, y, before)
    assert found.value == metric.value(y, before)
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(drawn[0].std(), rel=0.1)
    error = standard_error(metric, *rows)
    assert error == pytest.approx((drawn[1] - drawn[0]).std(), rel=0.1)
    difference = compare(metric, y, before, after).difference
    assert difference is not None
    assert difference.value == pytest.approx(metric.of(rows[1]) - metric.of(rows[0]))
    assert difference.high - difference.low == pytest.approx(2 * 1.96 * error, rel=0.001)
