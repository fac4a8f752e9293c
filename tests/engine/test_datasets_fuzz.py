"""Whatever arrays meet whatever model, the answer is a dataset or our own error."""

from __future__ import annotations

import contextlib
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prunery.specs.datasets import DatasetOptions
from prunery.specs.errors import PruneryError
from tests.engine.dataset_files import made, model, npz
from worker.engine.datasets import inspect
from worker.engine.datasets.scaling import with_scale

SHAPES: list[tuple[int, ...]] = [(), (1,), (4,), (3,), (6, 6), (6, 6, 1), (6, 6, 3), (0,)]
TYPES = ["u1", "i8", "f4", "f8", "?", "f2", ">i4", "u8", "U1"]
NAMES = [
    ["x", "y"],
    ["x_train", "y_train", "x_test", "y_test"],
    ["x"],
    ["input", "output"],
    ["a", "b", "y"],
    ["x_train", "y_train", "x_val", "y_val"],
]
INPUTS: list[Any] = [(4,), (6, 6), (6, 6, 1), (1,), (None,), {"a": (4,), "b": (3,)}]
OUTPUTS: list[Any] = [(3,), (1,), (4,), (6, 6, 3), (6, 6, 1), {"p": (3,), "q": (1,)}]
LOSSES = [None, "mse", "sparse_categorical_crossentropy", "categorical_crossentropy"]
LOSSES += ["binary_crossentropy", "p: mse, q: binary_crossentropy"]


def _array(count: int, chance: random.Random) -> np.ndarray:
    generator = np.random.default_rng(chance.randrange(10**6))
    shape, dtype = (count, *chance.choice(SHAPES)), chance.choice(TYPES)
    if dtype == "U1":
        return np.array(generator.integers(0, 3, shape), dtype="U1")
    values: np.ndarray = generator.integers(0, chance.choice([2, 3, 10, 127]), shape)
    if chance.random() < 0.4:
        values = generator.random(shape) * chance.choice([1, 100])
    array = values.astype(dtype)
    if "f" in dtype and array.size and chance.random() < 0.1:
        array.flat[0] = np.nan
    return array


@pytest.mark.parametrize("seed", range(120))
def test_arrays_and_models_from_nowhere(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    lengths: dict[str, int] = {}
    arrays = {}
    for name in chance.choice(NAMES):
        split = name.rpartition("_")[2] if "_" in name else ""
        arrays[name] = _array(lengths.setdefault(split, chance.choice([1, 2, 5, 30])), chance)
    path = npz(tmp_path / "a.npz", **arrays)
    summary = model(
        chance.choice(INPUTS),
        chance.choice(OUTPUTS),
        loss=chance.choice(LOSSES),
        activation=chance.choice([None, "softmax", "sigmoid"]),
    )
    with contextlib.suppress(PruneryError):
        inspect(path, "a.npz", DatasetOptions())
    with contextlib.suppress(PruneryError):
        dataset = made(path, summary)
        scaled = with_scale(dataset, chance.choice(["none", "0..1", "-1..1"]))
        merged = scaled.merge_validation_into_train()
        assert len(merged.train) == len(dataset.train) + len(dataset.validation) or (
            "validation" not in dataset.drawn
        )
    shutil.rmtree(tmp_path / "work", ignore_errors=True)
