"""Compile state goes along: loss, metrics, optimizer, its steps and its slots, cut like weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from tests.engine.cutting import half, randomise
from worker.engine.compaction.optimizer import slots
from worker.engine.compaction.rebuild import Compacted, compact
from worker.engine.graph import analyse
from worker.engine.masks import key_of, variable_keys

OPTIMIZERS: dict[str, Any] = {
    "sgd": lambda: keras.optimizers.SGD(0.05),
    "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda: keras.optimizers.Adam(0.01),
    "amsgrad": lambda: keras.optimizers.Adam(0.01, amsgrad=True),
    "average": lambda: keras.optimizers.AdamW(0.01, use_ema=True, weight_decay=0.01),
    "accumulating": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=2),
    "adagrad": lambda: keras.optimizers.Adagrad(0.01),
    "adadelta": lambda: keras.optimizers.Adadelta(0.01),
    "adamax": lambda: keras.optimizers.Adamax(0.01),
    "ftrl": lambda: keras.optimizers.Ftrl(0.01),
    "lamb": lambda: keras.optimizers.Lamb(0.01),
    "lion": lambda: keras.optimizers.Lion(0.001),
    "nadam": lambda: keras.optimizers.Nadam(0.01),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01, momentum=0.9, centered=True),
    "scaled": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)),
}
SCHEDULE = keras.optimizers.schedules.CosineDecay(0.05, 100)


def net() -> keras.Model:
    x = keras.Input((6,), name="x")
    y = layers.BatchNormalization(name="norm")(layers.Dense(8, name="a")(x))
    y = layers.Dense(6, activation="relu", name="b")(y)
    return randomise(keras.Model(x, layers.Dense(2, name="out")(y)))


def trained(optimizer: Any) -> keras.Model:
    model = net()
    model.compile(optimizer, loss="mse", metrics=["mae"])
    rng = np.random.default_rng(0)
    model.fit(rng.normal(size=(12, 6)), rng.normal(size=(12, 2)), batch_size=4, verbose=0)
    return model


def halved(model: keras.Model) -> Compacted:
    graph = analyse(model)
    return compact(model, graph, half(graph))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_slots_are_cut_with_their_weights(name: str):
    model = trained(OPTIMIZERS[name]())
    found = halved(model)
    optimizer, smaller = model.optimizer, found.model.optimizer
    assert type(smaller) is type(optimizer)
    assert smaller.get_config() == optimizer.get_config()
    inner, small = (getattr(o, "inner_optimizer", o) for o in (optimizer, smaller))
    assert int(small._iterations) == int(inner._iterations) > 0
    old, new = slots(inner, key_of(model)), slots(small, key_of(found.model))
    assert old.keys() == new.keys()
    assert name == "sgd" or new
    for place, slot in new.items():
        value = np.asarray(old[place])
        for axis, indices in found.keep.get(place[1], {}).items():
            value = np.take(value, indices, axis)
        assert value.tobytes() == np.asarray(slot).tobytes()
    assert found.notes == ()


@pytest.mark.parametrize("kind", [keras.optimizers.Adafactor, keras.optimizers.Muon])
def test_state_that_couples_entries_starts_afresh_and_says_so(kind: Any):
    model = trained(kind(0.01))
    found = halved(model)
    assert kind.__name__ in found.notes[0]
    assert int(found.model.optimizer.iterations) == int(model.optimizer.iterations)
    found.model.fit(np.ones((4, 6)), np.ones((4, 2)), verbose=0)


@pytest.mark.parametrize("kind", [keras.optimizers.Adam, keras.optimizers.Muon])
def test_what_is_trained_next_has_no_optimizer_and_says_the_same(kind: Any):
    model = trained(kind(0.01))
    graph = analyse(model)
    found = compact(model, graph, half(graph), compiled=False)
    assert not found.model.compiled
    assert found.notes == halved(model).notes
    for ours, theirs in zip(found.model.weights, halved(model).model.weights, strict=True):
        assert np.asarray(ours).tobytes() == np.asarray(theirs).tobytes()


def test_loss_metrics_and_schedule_are_kept():
    model = trained(keras.optimizers.SGD(SCHEDULE))
    found = halved(model).model
    assert found.get_compile_config() == model.get_compile_config()
    assert float(found.optimizer.learning_rate) == float(model.optimizer.learning_rate) < 0.05


def test_a_weight_that_is_frozen_after_compiling_keeps_its_slots():
    model = trained(OPTIMIZERS["adam"]())
    model.get_layer("a").trainable = False
    found = halved(model)
    assert any("starts afresh" in note for note in found.notes) or found.notes == ()
    assert len(found.model.trainable_weights) == len(model.trainable_weights)


def test_an_uncompiled_model_stays_uncompiled():
    assert not halved(net()).model.compiled


def test_the_file_loads_with_keras_alone_and_trains_on(tmp_path: Path):
    found = halved(trained(OPTIMIZERS["adam"]()))
    found.model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(1).normal(size=(5, 6)).astype("float32")
    np.testing.assert_array_equal(loaded(x), found.model(x))
    assert int(loaded.optimizer.iterations) == 3
    for key, variable in variable_keys(loaded).items():
        np.testing.assert_array_equal(variable, variable_keys(found.model)[key])
    loaded.fit(x, np.zeros((5, 2)), verbose=0)


def test_random_generators_go_on_where_they_were():
    x = keras.Input((6,))
    model = keras.Model(x, layers.Dense(2)(layers.Dropout(0.5, seed=3)(layers.Dense(8)(x))))
    model(np.ones((2, 6), np.float32), training=True)
    found = halved(model).model
    state = model.layers[2].seed_generator.state
    np.testing.assert_array_equal(found.layers[2].seed_generator.state, state)
    assert np.asarray(state).tolist() != [0, 3]


def test_adapted_statistics_are_kept():
    x = keras.Input((6,))
    norm = layers.Normalization()
    norm.adapt(np.random.default_rng(0).normal(2, 3, size=(50, 6)))
    model = keras.Model(x, layers.Dense(2)(layers.Dense(8)(norm(x))))
    found = halved(model).model
    given = np.ones((2, 6), np.float32)
    np.testing.assert_array_equal(found.layers[1](given), norm(given))
