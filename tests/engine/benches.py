"""Jobs as they stand before their first round, of nets that rounds treat unlike each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from prunery.specs.job import EngineSpec
from prunery.specs.presets import resolve
from tests.engine import jobs
from worker.engine.lottery.bench import Bench
from worker.engine.lottery.settling.setup import set_up
from worker.engine.reporter import Reporter

layers = keras.layers


def net(kind: str, hidden: int = 12) -> keras.Model:
    """Two hidden layers: plain, with BatchNorm, or one around the other."""
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((6,), name="x")
    x = layers.Dense(hidden, "relu", name="first")(x)
    y = layers.Dense(hidden, name="second")(x)
    if kind == "normalised":
        y = layers.BatchNormalization(momentum=0.9999, name="norm")(y)
    if kind == "residual":
        y = layers.Add(name="sum")([x, y])
    y = layers.ReLU(name="relu")(y)
    model = keras.Model(inputs, layers.Dense(3, "softmax", name="output")(y))
    model.compile(
        keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def bench(folder: Path, model: keras.Model, recipe: dict[str, Any]) -> Bench:
    """The job as it stands before its first round."""
    model.save(folder / "net.keras")
    spec = EngineSpec(
        kind="prune",
        model=folder / "net.keras",
        dataset=jobs.data(folder / "data.npz"),
        recipe=resolve(jobs.merged(jobs.QUICK, recipe)),
        work_dir=folder / "work",
        out_dir=folder / "out",
    )
    spec.work_dir.mkdir()
    return set_up(spec, Reporter([].append))
