"""Optimizer state that Keras 2 wrote goes on in Keras 3, or starts afresh and says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from tests.engine.legacy.make_files import FILES
from worker.engine.loading import load

_VARIABLES = ("dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias")
_SHAPES = ((4, 8), (8,), (8, 3), (3,))


def _written(tmp_path: Path, optimizer: dict[str, Any], slots: dict[str, Any]) -> Path:
    """The committed net as its optimizer had been another, with slots under given names."""
    path = tmp_path / "net.h5"
    path.write_bytes((FILES / "tabular.h5").read_bytes())
    with h5py.File(path, "r+") as opened:
        training = json.loads(opened.attrs["training_config"])
        opened.attrs["training_config"] = json.dumps(training | {"optimizer_config": optimizer})
        del opened["optimizer_weights"]
        group = opened.create_group("optimizer_weights")
        group.attrs["weight_names"] = [name.encode() for name in slots]
        for name, value in slots.items():
            group[name] = value
    return path


def _slots(name: Callable[[str], str], first: float) -> dict[str, Any]:
    """One slot a variable, each of its own values."""
    return {
        name(variable): np.full(shape, first + at, "float32")
        for at, (variable, shape) in enumerate(zip(_VARIABLES, _SHAPES, strict=True))
    }


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_a_trained_file_of_tf_keras_brings_its_slots_and_step(ending: str) -> None:
    loaded = load(FILES / f"tabular.{ending}")
    optimizer = loaded.model.optimizer
    assert loaded.optimizer_state
    assert int(optimizer.iterations) == 1
    with h5py.File(FILES / "tabular.h5") as opened:
        group = opened["optimizer_weights"]
        names = [str(name) for name in group.attrs["weight_names"]]
        for slots, mark in ((optimizer._momentums, "/m/"), (optimizer._velocities, "/v/")):
            stored = [group[name][()] for name in names if mark in name]
            assert len(stored) == 4
            for slot, value in zip(slots, stored, strict=True):
                np.testing.assert_array_equal(slot, value)
                assert np.any(value)


@pytest.mark.parametrize("prefix", ["Adam", "training/Adam", "cond_1/training_2/Adam"])
def test_slots_named_as_before_tensorflow_2_11_are_found_by_name(
    tmp_path: Path, prefix: str
) -> None:
    optimizer = {"class_name": "Adam", "config": {"lr": 0.01, "decay": 0.0}}
    slots = {f"{prefix}/iter:0": np.int64(7)}
    slots |= _slots(lambda name: f"{prefix}/{name}/m:0", 1)
    slots |= _slots(lambda name: f"{prefix}/{name}/v:0", 11)
    shuffled = dict(reversed(slots.items()))  # names count, not the order
    loaded = load(_written(tmp_path, optimizer, shuffled))
    assert loaded.optimizer_state
    found = loaded.model.optimizer
    assert int(found.iterations) == 7
    assert [float(np.ravel(slot)[0]) for slot in found._momentums] == [1, 2, 3, 4]
    assert [float(np.ravel(slot)[0]) for slot in found._velocities] == [11, 12, 13, 14]


def test_a_slot_that_keras_3_does_without_is_left(tmp_path: Path) -> None:
    optimizer = {"class_name": "Custom>SGD", "config": {"learning_rate": 0.01, "momentum": 0.0}}
    slots = {"iteration:0": np.int64(3)} | _slots(lambda name: f"SGD/m/{name}:0", 0)
    loaded = load(_written(tmp_path, optimizer, slots))
    assert loaded.optimizer_state
    assert int(loaded.model.optimizer.iterations) == 3


def _without_one(slots: dict[str, Any]) -> None:
    slots.popitem()


def _of_another_shape(slots: dict[str, Any]) -> None:
    slots["Adamax/dense/bias/m:0"] = np.zeros(9, "float32")


def _of_texts(slots: dict[str, Any]) -> None:
    slots["Adamax/dense/bias/m:0"] = np.array([b"a"] * 8)


def _without_step(slots: dict[str, Any]) -> None:
    del slots["Adamax/iter:0"]


def _before_the_first_step(slots: dict[str, Any]) -> None:
    slots["Adamax/iter:0"] = np.int64(-1)


def _at_no_step(slots: dict[str, Any]) -> None:
    slots["Adamax/iter:0"] = np.float32("nan")


def _at_a_step_beyond_counting(slots: dict[str, Any]) -> None:
    slots["Adamax/iter:0"] = np.uint64(2**64 - 1)


@pytest.mark.parametrize(
    "spoil",
    [
        *(_without_one, _of_another_shape, _of_texts, _without_step),
        *(_before_the_first_step, _at_no_step, _at_a_step_beyond_counting),
    ],
)
def test_what_does_not_fit_starts_afresh_with_a_note(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], None]
) -> None:
    optimizer = {"class_name": "Adamax", "config": {"learning_rate": 0.01}}
    slots = {"Adamax/iter:0": np.int64(3)}
    slots |= _slots(lambda name: f"Adamax/{name}/m:0", 1)
    slots |= _slots(lambda name: f"Adamax/{name}/v:0", 11)
    spoil(slots)
    loaded = load(_written(tmp_path, optimizer, slots))
    assert not loaded.optimizer_state
    assert any("starts afresh" in note for note in loaded.notes)
    assert int(loaded.model.optimizer.iterations) == 0
    assert all(not np.any(slot) for slot in loaded.model.optimizer._u)


def test_nadam_of_another_schedule_starts_afresh(tmp_path: Path) -> None:
    optimizer = {"class_name": "Nadam", "config": {"learning_rate": 0.01, "decay": 0.004}}
    slots = {"Nadam/iter:0": np.int64(3), "Nadam/momentum_cache:0": np.float32(0.1)}
    slots |= _slots(lambda name: f"Nadam/{name}/m:0", 1)
    slots |= _slots(lambda name: f"Nadam/{name}/v:0", 11)
    loaded = load(_written(tmp_path, optimizer, slots))
    assert not loaded.optimizer_state
    assert isinstance(loaded.model.optimizer, keras.optimizers.Nadam)


def test_any_number_of_steps_that_a_file_claims_costs_the_same(tmp_path: Path) -> None:
    """One array entry a step took all memory."""
    slots = {"iteration:0": np.int64(2**62)}
    slots |= _slots(lambda name: f"Nadam/m/{name}:0", 1)
    slots |= _slots(lambda name: f"Nadam/v/{name}:0", 11)
    config = {"class_name": "Nadam", "config": {"learning_rate": 0.01}}
    optimizer = load(_written(tmp_path, config, slots)).model.optimizer
    assert int(optimizer.iterations) == 2**62
    assert float(optimizer._u_product) == 0.0


def test_a_legacy_optimizer_in_a_keras_file_says_that_it_starts_afresh() -> None:
    loaded = load(FILES / "two_inputs.keras")
    assert not loaded.optimizer_state
    assert any("starts afresh" in note for note in loaded.notes)
