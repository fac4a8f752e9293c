"""Class weights of a recipe: by class, by output, balanced, or refused with the field's place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from prunery.specs.errors import PruneryError
from prunery.specs.job import EngineSpec
from prunery.specs.presets import resolve
from tests.engine import jobs
from worker.engine.lottery.bench import Bench
from worker.engine.lottery.settling.setup import set_up
from worker.engine.reporter import Reporter

WEIGHTS = "/training/class_weight"


def two_outputs() -> keras.Model:
    """One output of three kinds, one of two, one number."""
    inputs = keras.Input((4,), name="x")
    hidden = keras.layers.Dense(5, activation="relu", name="hidden")(inputs)
    outputs = [
        keras.layers.Dense(3, activation="softmax", name="kind")(hidden),
        keras.layers.Dense(1, activation="sigmoid", name="good")(hidden),
        keras.layers.Dense(1, name="size")(hidden),
    ]
    model = keras.Model(inputs, outputs)
    losses = ["sparse_categorical_crossentropy", "binary_crossentropy", "mse"]
    model.compile("adam", losses)
    return model


def bench_for(folder: Path, weights: Any, *, single: bool = False) -> Bench:
    draw = np.random.default_rng(0)
    kind = np.repeat([0, 1, 2], [30, 20, 10])
    arrays = {"kind": kind, "good": (kind == 2).astype("int64"), "size": draw.normal(size=60)}
    x = draw.normal(size=(60, 6 if single else 4)).astype("float32")
    (jobs.net() if single else two_outputs()).save(folder / "net.keras")
    np.savez(folder / "data.npz", x=x, **({"y": kind} if single else arrays))
    spec = EngineSpec(
        kind="prune",
        model=folder / "net.keras",
        dataset=folder / "data.npz",
        recipe=resolve({"training": {"class_weight": weights}, "start": "untrained"}),
        work_dir=folder,
    )
    return set_up(spec, Reporter([].append))


def test_one_output_takes_weights_by_class(tmp_path: Path) -> None:
    found = bench_for(tmp_path, {"2": 3.0}, single=True).facts["class_weight"]
    assert found == ({2: 3.0},)


def test_balanced_gives_every_class_of_every_output_the_same_say(tmp_path: Path) -> None:
    bench = bench_for(tmp_path, "balanced")
    kind, good, size = bench.facts["class_weight"]
    assert size is None
    assert bench.dataset is not None
    for weights, labels in ((kind, "kind"), (good, "good")):
        counts = np.bincount(bench.dataset.train.y[labels].astype(int).reshape(-1))
        shares = [weights[index] * count for index, count in enumerate(counts)]
        np.testing.assert_allclose(shares, len(bench.dataset.train) / len(counts))


def test_weights_go_to_the_output_they_name(tmp_path: Path) -> None:
    found = bench_for(tmp_path, {"good": {"1": 5.0}}).facts["class_weight"]
    assert found == (None, {1: 5.0}, None)


@pytest.mark.parametrize(
    ("weights", "pointer", "said"),
    [
        ({"1": 5.0}, WEIGHTS, "several outputs"),
        ({"kind": {"purple": 5.0}}, f"{WEIGHTS}/kind/purple", "0, 1, 2"),
        ({"size": "balanced"}, f"{WEIGHTS}/size", "kind, good"),
    ],
)
def test_what_could_mean_several_things_is_refused(
    tmp_path: Path, weights: Any, pointer: str, said: str
) -> None:
    with pytest.raises(PruneryError) as caught:
        bench_for(tmp_path, weights)
    (error,) = caught.value.errors
    assert error.pointer == pointer
    assert said in error.message
