"""Several optimizers in one (`keras.optimizers.MultiOptimizer`): trained, cut, rewound, resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from prunery.specs.events import Event
from tests.engine import jobs
from worker.engine.training import State, optimizers

RECIPE: dict[str, Any] = {
    "objective": {},
    "start": "untrained",
    "rewind": {"to": "step", "at": 5},
    "schedule": {"rounds": 1, "pruning_fraction": 0.5},
    "training": {"schedule": "from model", "epochs": 3, "early_stopping": False},
}


def several() -> keras.optimizers.Optimizer:
    """Adam for the first layer, SGD with momentum for all others."""
    kinds = keras.optimizers
    by_path = {"first/.*": kinds.Adam(0.02)}
    return kinds.MultiOptimizer(kinds.OptimizerMap(kinds.SGD(0.05, momentum=0.9), by_path))


def net() -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,), name="x")
    hidden = keras.layers.Dense(12, activation="relu", name="first")(inputs)
    hidden = keras.layers.Dense(12, activation="relu", name="second")(hidden)
    outputs = keras.layers.Dense(3, activation="softmax", name="output")(hidden)
    model = keras.Model(inputs, outputs)
    model.compile(several(), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def test_each_keeps_its_rate_beside_the_others() -> None:
    assert optimizers.factors(several()) == pytest.approx([1.0, 2.5])
    copy = optimizers.with_rate(several(), 0.0)
    assert [type(one).__name__ for one in copy.optimizers] == ["Adam", "SGD"]


def test_slots_are_cut_with_the_weights_and_rewound(tmp_path: Path) -> None:
    done = jobs.prune(tmp_path, RECIPE, model=net())
    adam, sgd = done.compact.optimizer.optimizers
    first, second = (done.compact.get_layer(name) for name in ("first", "second"))
    assert first.units < 12
    assert [tuple(slot.shape) for slot in adam._momentums] == [(6, first.units), (first.units,)]
    assert tuple(sgd.momentums[0].shape) == (first.units, second.units)
    # 3 epochs of 20 steps each, of which 5 were before the rewind point.
    assert int(adam.iterations) == int(sgd.iterations) == 60
    assert all(np.any(slot.numpy()) for slot in (adam._momentums[0], sgd.momentums[0]))
    point = State.load(tmp_path / "levels" / "0" / "snapshot.npz")
    assert point.step == 5
    slots = {key: value for key, value in (point.optimizer or {}).items() if value.ndim == 2}
    assert {key.rpartition("/first/")[0] for key in slots if "/first/" in key}
    assert any("/second/kernel" in key for key in slots)


def test_a_killed_job_ends_with_the_same_bytes(tmp_path: Path) -> None:
    class Killed(BaseException):
        """Nothing in the engine catches it."""

    def kill(event: Event) -> None:
        if event.type == "checkpoint":
            raise Killed

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    expected = jobs.prune(whole, RECIPE, model=net())
    for _ in range(2):
        with pytest.raises(Killed):
            jobs.prune(broken, RECIPE, model=net(), listen=kill, checkpoint_seconds=0.0)
    done = jobs.prune(broken, RECIPE, checkpoint_seconds=0.0)
    assert done.weights() == expected.weights()
