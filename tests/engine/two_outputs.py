"""A net of two outputs, a kind and a size, and a job for it before its first round."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from prunery.specs.job import EngineSpec
from prunery.specs.presets import resolve
from tests.engine.training_nets import blobs
from worker.engine.lottery.bench import Bench
from worker.engine.lottery.settling.setup import set_up
from worker.engine.reporter import Reporter


def net(*, keys: tuple[str, str] | None = None) -> keras.Model:
    """A kind and a size; uncompiled. `keys`: as a dict under these, else a list."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,), name="x")
    hidden = keras.layers.Dense(12, activation="relu", name="hidden")(inputs)
    outputs = [
        keras.layers.Dense(3, activation="softmax", name="kind")(hidden),
        keras.layers.Dense(1, name="size")(hidden),
    ]
    return keras.Model(inputs, outputs if keys is None else dict(zip(keys, outputs, strict=True)))


def data(folder: Path, *names: str) -> Path:
    """Blobs, the kind and the product of two features, under these names."""
    split = blobs(240)
    x = split.x["x"]
    labels = (split.y["y"], x[:, 0] * x[:, 1] / 4)
    np.savez(folder / "data.npz", x=x, **dict(zip(names, labels, strict=False)))
    return folder / "data.npz"


def bench_for(
    folder: Path, model: keras.Model, dataset: Path | None = None, **training: Any
) -> Bench:
    model.save(folder / "net.keras")
    spec = EngineSpec(
        kind="prune",
        model=folder / "net.keras",
        dataset=dataset or data(folder, "y_kind", "y_size"),
        recipe=resolve({"training": training, "start": "untrained"}),
        work_dir=folder,
    )
    return set_up(spec, Reporter([].append))


def told(bench: Bench) -> dict[str, tuple[str, str, bool]]:
    return {str(one.output): (one.task, one.name, one.from_logits) for one in bench.metrics}
