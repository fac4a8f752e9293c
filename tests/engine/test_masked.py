"""The full-size model: the upload's configuration, compact weights in place, zeros elsewhere."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from worker.engine import masks
from worker.engine.compaction import masked

KEPT = np.array([0, 2, 3, 6])
KEEP = {
    "a/kernel": {1: KEPT},
    "a/bias": {0: KEPT},
    "norm/gamma": {0: KEPT},
    "norm/beta": {0: KEPT},
    "norm/moving_mean": {0: KEPT},
    "norm/moving_variance": {0: KEPT},
    "b/kernel": {0: KEPT},
}


def net(units: int, optimizer: str | None = None) -> keras.Model:
    """Dense, BatchNorm, sigmoid (f(0) is not 0), Dense."""
    inputs = keras.Input((5,), name="x")
    x = layers.Dense(units, name="a")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Dense(3, name="b")(layers.Activation("sigmoid", name="s")(x))
    model = keras.Model(inputs, x, name="net")
    rng = np.random.default_rng(units)
    for variable in model.weights:
        variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    if optimizer:
        model.compile(optimizer, loss="mse", metrics=["mae"])
        data = rng.normal(size=(8, 5)), rng.normal(size=(8, 3))
        model.fit(*data, epochs=2, verbose=0)
    return model


def test_masked_model_computes_the_same_with_exact_zeros():
    original, compact = net(8), net(4)
    full = masked.scatter(original, compact, KEEP)
    assert full.get_config() == original.get_config()
    x = np.random.default_rng(0).normal(size=(6, 5))
    np.testing.assert_allclose(full(x), compact(x), rtol=1e-6)
    values = {key: masks.values(v) for key, v in masks.variable_keys(full).items()}
    gone = np.array([1, 4, 5, 7])
    assert not values["a/kernel"][:, gone].any()
    assert not values["b/kernel"][gone].any()
    for key in ("a/bias", "norm/gamma", "norm/beta"):
        assert not values[key][gone].any()
    old = masks.values(masks.variable_keys(original)["norm/moving_mean"])
    np.testing.assert_array_equal(values["norm/moving_mean"][gone], old[gone])
    small = masks.values(masks.variable_keys(compact)["a/kernel"])
    np.testing.assert_array_equal(values["a/kernel"][:, KEPT], small)


def test_the_original_is_left_alone():
    original = net(8)
    before = [masks.values(v) for v in original.weights]
    masked.scatter(original, net(4), KEEP)
    for old, variable in zip(before, original.weights, strict=True):
        np.testing.assert_array_equal(old, masks.values(variable))


def test_masks_cover_every_weight_that_goes_but_no_statistics():
    found = masked.masks_of(net(8), KEEP)
    assert set(found) == set(KEEP) - {"norm/moving_mean", "norm/moving_variance"}
    assert found["b/kernel"].shape == (8, 3)
    assert found["b/kernel"].all(axis=1).tolist() == [k in KEPT for k in range(8)]


@pytest.mark.parametrize("name", ["adam", "ftrl", "adagrad", "sgd", "adafactor", "lion", "nadam"])
def test_optimizer_state_is_scattered_and_initial_where_masked(name: str, tmp_path: Path):
    original, compact = net(8), net(4, name)
    full = masked.scatter(original, compact, KEEP)
    assert full.get_compile_config() == compact.get_compile_config()
    fresh = net(8)
    fresh.compile_from_config(compact.get_compile_config())
    initial = {v.path: masks.values(v) for v in fresh.optimizer.variables}
    kernel = np.zeros((5, 8), bool)
    kernel[:, KEPT] = True
    for slot, small in zip(full.optimizer.variables, compact.optimizer.variables, strict=True):
        if slot.shape == (5, 8):
            value = masks.values(slot)
            np.testing.assert_array_equal(value[:, KEPT], masks.values(small))
            np.testing.assert_array_equal(value[~kernel], initial[slot.path][~kernel])
        elif not slot.shape:
            assert masks.values(slot) == masks.values(small)
    assert int(full.optimizer.iterations) == 2
    full.save(tmp_path / "masked.keras")
    loaded = keras.saving.load_model(tmp_path / "masked.keras")
    assert int(loaded.optimizer.iterations) == 2


def test_rescaled_values_return_to_their_full_size_meaning():
    original, compact = net(8), net(4)
    full = masked.scatter(original, compact, KEEP, rescaled={"norm/gamma": 0.5})
    gamma = masks.values(masks.variable_keys(full)["norm/gamma"])
    small = masks.values(masks.variable_keys(compact)["norm/gamma"])
    np.testing.assert_array_equal(gamma[KEPT], small * 2)


def test_rescaled_values_that_nothing_trained_return_bit_for_bit():
    original, compact = net(8), net(4)
    factor = 2**-0.5
    old = masks.values(masks.variable_keys(original)["norm/gamma"])
    masks.variable_keys(compact)["norm/gamma"].assign(
        (old[KEPT].astype(np.float64) * factor).astype("float32")
    )
    full = masked.scatter(original, compact, KEEP, rescaled={"norm/gamma": factor})
    gamma = masks.values(masks.variable_keys(full)["norm/gamma"])
    np.testing.assert_array_equal(gamma[KEPT], old[KEPT])


def test_slots_of_namesakes_in_nested_models_are_told_apart():
    def named(units: int) -> keras.Model:
        blocks = [
            keras.Sequential(
                [keras.Input((4,)), layers.Dense(n, name="d"), layers.Dense(4, name="o")], name=name
            )
            for name, n in (("one", units), ("two", 6))
        ]
        inputs = keras.Input((4,))
        model = keras.Model(inputs, blocks[1](blocks[0](inputs)))
        model.compile("adam", loss="mse")
        data = np.random.default_rng(0).normal(size=(2, 8, 4))
        model.fit(data[0], data[1], verbose=0)
        return model

    original, compact = named(6), named(3)
    kept = np.array([0, 2, 5])
    keep = {"one/d/kernel": {1: kept}, "one/d/bias": {0: kept}, "one/o/kernel": {0: kept}}
    full = masked.scatter(original, compact, keep)
    order = [masks.key_of(full)[id(v)] for v in full.trainable_variables]
    first = order.index("one/d/kernel")
    np.testing.assert_array_equal(
        masks.values(full.optimizer._momentums[first])[:, kept],
        masks.values(compact.optimizer._momentums[first]),
    )
    other = order.index("two/d/kernel")
    np.testing.assert_array_equal(
        masks.values(full.optimizer._velocities[other]),
        masks.values(compact.optimizer._velocities[other]),
    )
