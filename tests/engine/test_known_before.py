"""What a check of model, data and recipe refuses before a job, and what the engine refuses in it.

Both judge by the same rules, one by what an upload's check wrote down, one by the arrays. Whatever
the engine refuses for names, shapes, labels or losses must be known before anything is queued.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prunery.screening import fit
from prunery.specs.datasets import DatasetOptions, DatasetSummary
from prunery.specs.errors import PruneryError
from prunery.specs.presets import resolve
from tests.engine.dataset_files import made, model, npz
from worker.engine.datasets import inspect

RNG = np.random.default_rng(0)
X, MAPS = RNG.normal(size=(60, 4)), RNG.normal(size=(60, 4, 2))
IDS = np.arange(60) % 3
BOTH = {"kind": (3,), "size": (1,)}

MODELS: dict[str, Any] = {
    "classes": model(),
    "sparse": model(loss="sparse_categorical_crossentropy"),
    "shares": model(loss="categorical_crossentropy"),
    "numbers": model(loss="mse", activation=None),
    "yes or no": model(outputs=(1,), activation="sigmoid"),
    "one number": model(outputs=(1,), loss="mse", activation=None),
    "several": model(loss="binary_crossentropy", activation="sigmoid"),
    "encoder": model(outputs=(4,), loss="mse", activation=None),
    "two": model(outputs=BOTH, loss="kind: sparse_categorical_crossentropy, size: mse"),
    "one of two": model(outputs=BOTH, loss="kind: sparse_categorical_crossentropy"),
    "positions": model(inputs=(4, 2), outputs=(4, 3)),
}
DATA: dict[str, dict[str, Any]] = {
    "ids": {"x": X, "y": IDS},
    "two ids": {"x": X, "y": IDS % 2},
    "ids from 1": {"x": X, "y": IDS + 1},
    "ids and a gap": {"x": X, "y": IDS * 2},
    "texts": {"x": X, "y": np.array(["a", "b", "c"])[IDS]},
    "numbers": {"x": X, "y": RNG.normal(size=60)},
    "shares": {"x": X, "y": RNG.random(60)},
    "rows": {"x": X, "y": np.eye(3)[IDS]},
    "several": {"x": X, "y": (RNG.random((60, 3)) > 0.5).astype(float)},
    "rows of numbers": {"x": X, "y": RNG.normal(size=(60, 3))},
    "four columns": {"x": X, "y": RNG.random((60, 4))},
    "nothing": {"x": X},
    "two": {"x": X, "y_kind": IDS, "y_size": RNG.normal(size=60)},
    "by shape": {"x": X, "first": np.eye(3)[IDS], "second": RNG.normal(size=60)},
    "one of two": {"x": X, "y_kind": IDS},
    "other names": {"hello": X, "world": IDS},
    "a split without": {"x_train": X, "y_train": IDS, "x_test": X},
    "maps": {"x": MAPS, "y": RNG.integers(0, 3, (60, 4))},
    "maps of rows": {"x": MAPS, "y": np.eye(3)[RNG.integers(0, 3, (60, 4))]},
    "maps, one id": {"x": MAPS, "y": IDS},
}
LOSSES = ("auto", "mse", "binary_crossentropy", "categorical_crossentropy")
LABELS = ("integers", "one_hot", "multi_label", "values")
ASKED = [*product(LOSSES, ("auto",)), *product(("auto",), LABELS)]
# Losses that a training refuses, and preparing the data does not.
LATER = "/training/loss"
# Of arrays that no name tells to be labels nobody counts the kinds at the upload.
UNCOUNTED = "other names", "found labels from 0 to 2"


@pytest.mark.parametrize("name", MODELS)
def test_what_the_engine_refuses_is_known_before(tmp_path: Path, name: str) -> None:
    summary = MODELS[name]
    for data, arrays in DATA.items():
        path = npz(tmp_path / "a.npz", **arrays)
        known = inspect(path, path.name, DatasetOptions())
        for loss, labels in ASKED:
            found = _known(summary, known, loss, labels)
            refused = _refused(path, summary, loss, labels)
            where = f"{data}, loss {loss}, labels {labels}: {found} but {refused}"
            uncounted = data == UNCOUNTED[0] and UNCOUNTED[1] in (refused or "")
            assert found or refused is None or uncounted, where
            assert refused is not None or set(found) <= {LATER}, where


def _known(summary: Any, data: DatasetSummary, loss: str, labels: str) -> list[str]:
    recipe = {"training": {"loss": loss, "epochs": 1}, "data": {"labels": labels}}
    return [one.pointer for one in fit.match(summary, data, resolve(recipe))]


def _refused(path: Path, summary: Any, loss: str, labels: str) -> str | None:
    try:
        made(path, summary, loss=None if loss == "auto" else loss, labels=labels)
    except PruneryError as error:
        return f"{error.code}: {error.detail}"
    return None
