"""Whole jobs on tiny real nets and data, in this process."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from prunery import reports
from prunery.specs.events import Event
from prunery.specs.job import EngineSpec
from prunery.specs.presets import resolve
from prunery.specs.report import Report
from tests.engine.training_nets import blobs
from worker.engine import profiling
from worker.engine.job import run
from worker.engine.reporter import Reporter
from worker.packing import pack_folder

# One loop and one schedule, so that no test waits for a trial of several.
QUICK: dict[str, Any] = {
    # Eighteen whole batches an epoch: a part of one would be traced for itself.
    "training": {"epochs": 2, "loop": "graph", "batch_size": 12, "schedule": "constant_ema"},
    "schedule": {"rounds": 2, "pruning_fraction": 0.4},
    "controls": [],
}

# Where a recipe asks for nothing of time, twenty calls of each network tell it as well as 200.
TIMED = partial(profiling.latency, runs=20)
ALL_ROUNDS: dict[str, Any] = {"objective": {}}
# One beginning of a level, where a test does not ask which one is better.
ONE_ARM: dict[str, Any] = {"rewind": {"to": "initial"}}
# Rates tried against each other, as where nothing is said.
ALL_RATES: dict[str, Any] = {"training": {"schedule": "auto"}}
WEIGHTS: dict[str, Any] = {
    "objective": {},
    "granularity": "weight",
    "scope": "layer",
    "minimum_kept": 0.0,
    "rewind": {"to": "initial"},
    "training": {"schedule": "from model", "early_stopping": False, "epochs": 2},
}


@dataclass
class Done:
    """A finished job: where its files are, and what it told."""

    out: Path
    model: Path
    events: list[Event] = field(default_factory=list)

    @property
    def report(self) -> Report:
        return Report.model_validate_json((self.out / "report.json").read_bytes())

    @property
    def compact(self) -> keras.Model:
        return keras.saving.load_model(self.out / "model.keras")

    def weights(self) -> list[bytes]:
        return [np.ascontiguousarray(w).tobytes() for w in self.compact.get_weights()]


def net(seed: int = 0, *, hidden: int = 12, classes: int = 3) -> keras.Model:
    """An untrained, compiled net for `blobs`."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6,), name="x"),
            layers.Dense(hidden, activation="relu", name="first"),
            layers.Dense(hidden, activation="relu", name="second"),
            layers.Dense(classes, activation="softmax", name="output"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


@cache
def trained(seed: int = 0) -> keras.Model:
    """`net` after fifteen epochs of `fit` on `blobs`; read it, change nothing in it."""
    model, train = net(seed), blobs(240)
    model.fit(train.x["x"], train.y["y"], epochs=15, verbose=0)
    return model


def data(path: Path, *, count: int = 240, **more: Any) -> Path:
    """`blobs` as an .npz with a test split."""
    train, test = blobs(count), blobs(120, seed=7)
    arrays = {
        "x_train": train.x["x"],
        "y_train": train.y["y"],
        "x_test": test.x["x"],
        "y_test": test.y["y"],
    }
    np.savez(path, **{**arrays, **more})
    return path


def merged(*recipes: dict[str, Any]) -> dict[str, Any]:
    """Recipes laid over one another, key by key."""
    result: dict[str, Any] = {}
    for recipe in recipes:
        for key, value in recipe.items():
            old = result.get(key)
            both = isinstance(old, dict) and isinstance(value, dict) and key != "objective"
            result[key] = merged(old, value) if both else value
    return result


def prune(
    folder: Path,
    recipe: dict[str, Any],
    *,
    model: keras.Model | None = None,
    dataset: Path | str | None = "blobs",
    listen: Any = None,
    **more: Any,
) -> Done:
    """Run a job in `folder`, going on with what an earlier run left there."""
    upload = folder / "upload.keras"
    if not upload.is_file():
        (model or net()).save(upload)
    path = data(folder / "data.npz") if dataset == "blobs" else dataset
    events: list[Event] = []

    def take(event: Event) -> None:
        events.append(event)
        if listen is not None:
            listen(event)

    spec = EngineSpec(
        kind=more.pop("kind", "prune"),
        model=upload,
        model_filename="upload.keras",
        dataset=Path(path) if path is not None else None,
        recipe=resolve(merged(QUICK, recipe)),
        work_dir=folder / "work",
        levels_dir=folder / "levels",
        checkpoint_dir=folder / "checkpoint",
        out_dir=folder / "out",
        **more,
    )
    spec.work_dir.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profiling, "latency", TIMED)
        run(spec, Reporter(take))
    done = Done(folder / "out", upload, events)
    page = reports.render(done.report)
    (done.out / "report.html").write_text(page, encoding="utf-8")
    pack_folder(done.out)
    return done
