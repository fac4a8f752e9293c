"""Every kind of task trains in the loop and is judged by a metric that fits it."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

from tests.engine.training_nets import Arrays
from worker.engine.evaluation import baseline, choose_metric, compare, interval, predict
from worker.engine.training import TrainingPlan, train

layers = keras.layers
DRAW = np.random.default_rng(0)


def _segmentation() -> tuple[keras.Model, Arrays, object]:
    images = DRAW.normal(size=(64, 8, 8, 1)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.Conv2D(2, 1, activation="softmax"),
        ]
    )
    labels = (images[..., 0] > 0).astype("uint8")
    return model, Arrays({"i": images}, {"o": labels}), "sparse_categorical_crossentropy"


def _logits() -> tuple[keras.Model, Arrays, object]:
    x = DRAW.normal(size=(200, 5)).astype("float32")
    model = keras.Sequential([keras.Input((5,)), layers.Dense(1)])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    return model, Arrays({"x": x}, {"y": (x.sum(1) > 0).astype("int64")}), loss


def _labels() -> tuple[keras.Model, Arrays, object]:
    x = DRAW.normal(size=(200, 5)).astype("float32")
    model = keras.Sequential([keras.Input((5,)), layers.Dense(4, activation="sigmoid")])
    return model, Arrays({"x": x}, {"y": (x[:, :4] > 0).astype("float32")}), "binary_crossentropy"


def _regression() -> tuple[keras.Model, Arrays, object]:
    x = DRAW.normal(size=(200, 5)).astype("float32")
    model = keras.Sequential([keras.Input((5,)), layers.Dense(1)])
    return model, Arrays({"x": x}, {"y": x @ np.arange(5, dtype="float32")}), "huber"


def _autoencoder() -> tuple[keras.Model, Arrays, object]:
    x = (DRAW.normal(size=(200, 2)) @ DRAW.normal(size=(2, 8))).astype("float32")
    model = keras.Sequential([keras.Input((8,)), layers.Dense(2), layers.Dense(8)])
    return model, Arrays({"x": x}, {"y": x}), "mse"


def _sequence() -> tuple[keras.Model, Arrays, object]:
    tokens = DRAW.integers(1, 12, (200, 6)).astype("int32")
    tokens[:, 4:] = 0
    model = keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            layers.Embedding(12, 8, mask_zero=True),
            layers.GRU(8, return_sequences=True),
            layers.Dense(2, activation="softmax"),
        ]
    )
    labels = (tokens > 5).astype("int64")
    return model, Arrays({"t": tokens}, {"o": labels}), "sparse_categorical_crossentropy"


TASKS: dict[str, tuple[str, Callable[[], tuple[keras.Model, Arrays, object]]]] = {
    "segmentation": ("per_position", _segmentation),
    "binary logits": ("binary", _logits),
    "multi-label": ("multilabel", _labels),
    "regression": ("regression", _regression),
    "autoencoder": ("autoencoder", _autoencoder),
    "masked sequence": ("per_position", _sequence),
}


@pytest.mark.parametrize("name", TASKS)
def test_task_trains_beats_its_baseline_and_is_compared(name):
    keras.utils.set_random_seed(0)
    task, make = TASKS[name]
    model, split, loss = make()
    metric = choose_metric(task, loss=loss)
    before = predict(model, split)
    plan = TrainingPlan(
        keras.optimizers.Adam(0.03), loss, epochs=15, batch_size=32, metric=metric, loop="graph"
    )
    trained = train(model, split, split, plan)
    after = predict(model, split)
    value = metric.value(split.y, after)
    assert value == trained.best_validation
    assert metric.better(value, baseline(metric, split.y))
    found = interval(metric, split.y, after)
    assert found.low <= value <= found.high
    gain = compare(metric, split.y, before, after).difference
    assert gain is not None
    assert gain.low > 0 if metric.higher_is_better else gain.high < 0
