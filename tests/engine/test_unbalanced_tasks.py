"""Rare labels and small masks: judged by what sees them, from the files to the report."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from tests.engine import jobs

RECIPE = {"objective": {"max_metric_drop": 0.5}, "schedule": {"rounds": 1}}


def test_rare_labels_are_ranked_and_not_counted(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(400, 6)).astype("float32")
    labels = (x[:, :3] > [0.0, 1.0, 1.5]).astype("int32")
    np.savez(tmp_path / "data.npz", x=x, y=labels)
    model = jobs.net()
    model.layers[-1].activation = keras.activations.sigmoid
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["binary_accuracy"])
    report = jobs.prune(tmp_path, RECIPE, model=model, dataset=tmp_path / "data.npz").report
    assert (report.task.kind, report.task.metric) == ("multilabel", "auc")
    assert "rare one" in str(report.task.why_metric)
    assert report.verdict.outcome == "smaller"


def test_masks_of_classes_that_overlap_are_learned_and_judged(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(300, 6, 6, 1)).astype("float32")
    masks = np.concatenate([x > 1.2, np.abs(x) > 0.5], axis=-1).astype("uint8")
    np.savez(tmp_path / "data.npz", x=x, y=masks)
    layers = keras.layers
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            layers.Conv2D(8, 1, activation="relu"),
            layers.Conv2D(2, 1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    report = jobs.prune(tmp_path, RECIPE, model=model, dataset=tmp_path / "data.npz").report
    assert (report.task.kind, report.task.metric) == ("per_position", "mean_iou")
    assert report.dense.metric is not None
    assert report.dense.metric.value > 0.6
    assert report.verdict.outcome == "smaller"
