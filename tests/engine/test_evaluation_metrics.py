"""The metric is chosen by what the task and the data are, and computes what its name says."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from prunery.specs.errors import PruneryError
from worker.engine.evaluation import Metric, baseline, choose_metric, mean_skill

DRAW = np.random.default_rng(0)
Y = DRAW.integers(0, 3, 200)
P = keras.utils.to_categorical(np.where(DRAW.random(200) < 0.7, Y, DRAW.integers(0, 3, 200)), 3)


def _metric(name: str, task: str, **more) -> Metric:
    return Metric(name, task, "", **more)  # type: ignore[arg-type]


def test_accuracy_is_the_same_for_every_shape_of_labels():
    accuracy = choose_metric("multiclass")
    by_hand = float((P.argmax(1) == Y).mean())
    for labels in (Y, Y[:, None], Y.astype(np.uint8), keras.utils.to_categorical(Y, 3)):
        assert accuracy.value(labels, P) == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("name", "task", "keras_metric", "y", "p"),
    [
        ("auc", "binary", None, Y > 0, P[:, 1:2] * 0.6 + DRAW.random((200, 1))),
        ("f1", "multiclass", keras.metrics.F1Score(average="macro"), Y, P),
        ("mse", "regression", keras.metrics.MeanSquaredError(), P[:, 0], P[:, 1]),
        ("mae", "regression", keras.metrics.MeanAbsoluteError(), P[:, 0], P[:, 1] + 0.3),
        ("rmse", "regression", keras.metrics.RootMeanSquaredError(), P[:, 0], P[:, 1] + 0.3),
        ("r2", "regression", keras.metrics.R2Score(), P[:, :1], P[:, 1:2] * 0.4 + P[:, :1] * 0.5),
        ("top_5_accuracy", "multiclass", None, Y * 2, DRAW.random((200, 8))),
        ("accuracy", "multilabel", keras.metrics.BinaryAccuracy(), P, P * 0.8 + 0.15),
        ("mean_iou", "per_position", None, Y.reshape(20, 10), P.reshape(20, 10, 3)),
    ],
)
def test_figures_agree_with_an_independent_implementation(name, task, keras_metric, y, p):
    ours = _metric(name, task).value(y, p)
    assert ours == pytest.approx(_independent(name, keras_metric, y, p), rel=1e-5)


def _independent(name, keras_metric, y, p) -> float:
    if name == "auc":
        positive, negative = p[y][:, 0], p[~y][:, 0]
        wins = (positive[:, None] > negative).mean() + (positive[:, None] == negative).mean() / 2
        return float(wins)
    if name == "top_5_accuracy":
        return float(np.mean([label in np.argsort(row)[-5:] for label, row in zip(y, p)]))  # noqa: B905
    if name == "mean_iou":
        told = p.argmax(-1)
        shares = [((y == c) & (told == c)).sum() / ((y == c) | (told == c)).sum() for c in range(3)]
        return float(np.mean(shares))
    if name == "f1":
        y = keras.utils.to_categorical(y, 3)
    keras_metric.update_state(np.asarray(y, "float32"), np.asarray(p, "float32"))
    return float(np.mean(keras_metric.result().numpy()))


def test_balanced_accuracy_is_the_mean_recall():
    metric = _metric("balanced_accuracy", "multiclass")
    told = P.argmax(1)
    assert metric.value(Y, P) == pytest.approx(
        np.mean([(told[c == Y] == c).mean() for c in range(3)])
    )
    lazy = np.tile([1.0, 0.0, 0.0], (200, 1))
    assert metric.value(Y, lazy) == pytest.approx(1 / 3)


def test_binary_outputs_may_be_probabilities_logits_or_two_columns():
    y = np.array([0, 1, 1, 0])
    logits = np.array([[-2.0], [0.2], [-0.1], [-3.0]])
    probabilities = 1 / (1 + np.exp(-logits))
    two = np.hstack([-logits, logits])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    assert choose_metric("binary", loss=loss).value(y, logits) == 0.75
    assert choose_metric("binary").value(y, probabilities) == 0.75
    assert choose_metric("binary").value(y, two) == 0.75
    assert _metric("auc", "binary").value(y, two) == _metric("auc", "binary").value(y, logits) == 1


def test_unbalanced_classes_choose_a_metric_that_is_not_fooled_and_say_why():
    chosen = choose_metric("multiclass", ["accuracy"], counts=[900, 60, 40])
    assert chosen.name == "balanced_accuracy"
    assert "22 times" in chosen.why
    assert choose_metric("binary", ["accuracy"], counts=[950, 50]).name == "auc"
    assert choose_metric("multiclass", ["accuracy"], counts=[300, 290, 310]).name == "accuracy"
    assert choose_metric("multiclass", asked="accuracy", counts=[900, 60, 40]).name == "accuracy"


@pytest.mark.parametrize(
    ("task", "name"), [("multilabel", "auc"), ("per_position", "mean_iou"), ("binary", "auc")]
)
def test_rare_labels_and_small_masks_are_not_judged_by_accuracy(task, name):
    assert choose_metric(task, ["BinaryAccuracy"], counts=[970, 30]).name == name
    assert choose_metric(task, counts=[970, 30]).name == name
    assert choose_metric(task, ["BinaryAccuracy"], counts=[600, 400]).name == "accuracy"


def test_a_model_compiled_with_a_metric_that_is_not_fooled_keeps_it():
    assert choose_metric("binary", ["F1Score"], counts=[970, 30]).name == "f1"
    assert choose_metric("per_position", ["BinaryIoU"], counts=[970, 30]).name == "mean_iou"


@pytest.mark.parametrize(
    ("given", "ours", "task"),
    [
        (keras.metrics.F1Score(), "f1", "multilabel"),
        (keras.metrics.FBetaScore(), "f1", "multiclass"),
        (keras.metrics.R2Score(), "r2", "regression"),
        (keras.metrics.SparseTopKCategoricalAccuracy(), "top_5_accuracy", "multiclass"),
        (keras.metrics.IoU(2, [1]), "mean_iou", "per_position"),
        (keras.metrics.BinaryIoU(), "mean_iou", "per_position"),
        (keras.metrics.AUC(), "auc", "binary"),
    ],
)
def test_the_metrics_of_keras_are_known_by_their_class(given, ours, task):
    assert choose_metric(task, [type(given).__name__]).name == ours


def test_the_right_one_of_five_classes_is_always_among_five():
    compiled = ["TopKCategoricalAccuracy", "accuracy"]
    assert choose_metric("multiclass", compiled, counts=[9, 9, 9, 9, 9]).name == "accuracy"
    assert choose_metric("multiclass", compiled, counts=[9] * 6).name == "top_5_accuracy"


def test_masks_of_several_classes_may_overlap_or_leave_a_position_to_none():
    y = (DRAW.random((30, 4, 4, 2)) < [0.2, 0.5]).astype("float32")
    p = np.where(DRAW.random(y.shape) < 0.8, y, 1 - y) * 0.8
    right = y == (p > 0.5)
    assert _metric("accuracy", "per_position").value(y, p) == pytest.approx(right.mean())
    logits = _metric("accuracy", "per_position", from_logits=True)
    assert logits.value(y, p - 0.5) == pytest.approx(right.mean())
    shares = [
        (right & (y == side))[..., c].sum() / ((y == side) | ~right)[..., c].sum()
        for c in range(2)
        for side in (0, 1)
    ]
    assert _metric("mean_iou", "per_position").value(y, p) == pytest.approx(np.mean(shares))
    never = np.zeros_like(y)
    for name in ("accuracy", "balanced_accuracy", "mean_iou"):
        metric = _metric(name, "per_position")
        assert metric.value(y, np.add(never, [0, 1])) == pytest.approx(
            baseline(metric, y), abs=0.03
        )


def test_compile_configuration_chooses_where_it_fits():
    assert choose_metric("regression", ["mean_absolute_error"]).name == "mae"
    assert choose_metric("regression", loss="mean_absolute_error").name == "mae"
    assert choose_metric("multiclass", ["sparse_categorical_accuracy"]).name == "accuracy"
    assert choose_metric("binary", ["AUC"]).name == "auc"
    assert choose_metric("regression", ["accuracy"]).name == "mse"
    assert not choose_metric("regression").higher_is_better
    assert choose_metric("per_position", ["MeanIoU"]).name == "mean_iou"


def test_metric_that_does_not_fit_is_refused_with_what_does():
    with pytest.raises(PruneryError) as error:
        choose_metric("regression", asked="accuracy")
    assert error.value.code == "recipe_invalid"
    assert error.value.errors[0].pointer == "/training/metric"
    assert "mae" in error.value.errors[0].message


def test_outputs_by_name_are_judged_on_the_named_one():
    y, p = {"a": np.zeros(4), "b": np.ones(4)}, {"b": np.full((4, 1), 3.0), "a": np.ones((4, 1))}
    assert choose_metric("regression", output="b").value(y, p) == 4.0
    assert choose_metric("regression").value(y, p) == 4.0


def test_baselines_are_what_knowing_only_labels_gives():
    y = np.array([0] * 7 + [1] * 2 + [2])
    assert baseline(choose_metric("multiclass"), y) == 0.7
    assert baseline(_metric("balanced_accuracy", "multiclass"), y) == pytest.approx(1 / 3)
    assert baseline(_metric("auc", "binary"), y > 0) == 0.5
    f1 = _metric("f1", "binary")
    assert baseline(f1, (y == 2).astype(int)) == f1.value(y == 2, np.ones((10, 1)))
    f1 = _metric("f1", "multiclass")
    assert baseline(f1, y) == f1.value(y, np.tile([1, 0, 0], (10, 1)))
    f1, labels = _metric("f1", "multilabel"), keras.utils.to_categorical(y, 3)
    assert baseline(f1, labels) == f1.value(labels, np.ones((10, 3)))
    values = np.array([1.0, 2.0, 6.0])
    assert baseline(choose_metric("regression"), values) == pytest.approx(values.var())
    assert baseline(_metric("mae", "regression"), values) == pytest.approx(5 / 3)


def test_better_knows_the_direction_and_distrusts_nan():
    accuracy, error = choose_metric("multiclass"), choose_metric("regression")
    assert accuracy.better(0.9, 0.8)
    assert error.better(0.8, 0.9)
    assert accuracy.better(0.1, float("nan"))
    assert not accuracy.better(float("nan"), 0.1)
    assert not accuracy.better(0.5, 0.5)


def test_the_mean_skill_counts_every_output_from_guessing_to_perfect():
    kind = Metric("accuracy", "multiclass", "", output="kind")
    size = Metric("mse", "regression", "", output="size")
    dull = Metric("mae", "regression", "", output="dull")
    y = {
        "kind": np.array([0, 0, 1, 2]),
        "size": np.array([1.0, -1.0, 1.0, -1.0]),
        "dull": np.zeros(4),
    }
    p = {
        "kind": np.eye(3)[[0, 0, 1, 1]],
        "size": 0.5 * y["size"][:, None],
        "dull": np.full((4, 1), 9.0),
    }
    skill = mean_skill((kind, size, dull), y)
    assert skill is not None
    assert skill.metrics == (kind, size), "of labels that are all the same nothing is told"
    assert skill.value(y, p) == pytest.approx((0.5 + 0.75) / 2)
    assert skill.value(y, y | {"kind": np.eye(3)[y["kind"]]}) == 1
    assert mean_skill((dull,), y) is None
