"""Odd widths train as even ones, and nobody can tell but by the clock."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.engine.training_nets import blobs, mlp, weights
from worker.engine import masks as masks_module
from worker.engine.training import Interrupted, TrainingPlan, capture, restore, train
from worker.engine.training.alignment import _OPTIMIZERS, aligned, aligned_width

layers = keras.layers
LOSS = "sparse_categorical_crossentropy"


def _plan(optimizer="SGD", *, loop="xla", **more):
    made = getattr(keras.optimizers, optimizer)(0.01)
    return TrainingPlan(made, LOSS, epochs=2, batch_size=16, loop=loop, **more)


def _deep(activation="relu", dropout=0.0):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((6,), name="x"),
            layers.Dense(21, name="first"),
            layers.Activation(activation, name="between"),
            layers.Dropout(dropout, name="drop"),
            layers.Dense(13, activation="tanh", name="second"),
            layers.Dense(3, activation="softmax", name="output"),
        ]
    )


def test_widths_grow_to_whole_blocks_and_never_by_much():
    assert [aligned_width(n) for n in (300, 150, 123, 61, 25, 16, 17, 8)] == [
        *(304, 160, 128, 64, 32, 16, 24, 8)
    ]


def test_a_layer_that_was_adapted_to_the_data_is_the_same_in_both():
    split = blobs(64)
    x = 40 + 9 * split.x["x"]
    adapted = layers.Normalization()
    adapted.adapt(x)
    model = keras.Sequential([keras.Input((6,), name="x"), adapted, *_deep().layers])
    wide = aligned(model, _plan())
    assert wide is not None
    restore(wide.model, None, wide.widen(capture(model)))
    np.testing.assert_allclose(wide.model(x), model(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("optimizer", sorted(_OPTIMIZERS))
def test_the_added_units_stay_exactly_zero_and_the_rest_is_trained_as_ever(optimizer):
    model, same, split = _deep(), _deep(), blobs(64)  # four whole batches
    half = {"first/kernel": np.arange(6 * 21).reshape(6, 21) % 2 == 0}
    plan = _plan(optimizer, schedule="constant_ema")
    wide = aligned(model, plan)
    assert wide is not None
    assert sorted(wide.shapes) == [
        *("first/bias", "first/kernel", "output/kernel", "second/bias", "second/kernel")
    ]
    start = wide.widen(capture(model))
    inner = train(wide.model, split, None, plan, state=start, masks=wide.widen_masks(half))
    narrow = wide.narrow(inner.state)
    for key, value in wide.widen(narrow).weights.items():
        np.testing.assert_array_equal(value, inner.state.weights[key], err_msg=key)
    for key, value in wide.widen(narrow).optimizer.items():
        np.testing.assert_array_equal(value, inner.state.optimizer[key], err_msg=key)

    train(model, split, None, plan, masks=half)
    train(same, split, None, _plan(optimizer, loop="graph", schedule="constant_ema"), masks=half)
    assert not model.get_layer("first").kernel.numpy()[~half["first/kernel"]].any()
    for one, other in zip(weights(model), weights(same), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-6)


@pytest.mark.parametrize(
    "build",
    [
        lambda: _deep("sigmoid"),  # sigmoid(0) is not 0: a gradient would reach what reads it
        lambda: keras.Sequential(
            [keras.Input((6,)), layers.Dense(21), layers.LayerNormalization(), layers.Dense(3)]
        ),
        lambda: keras.Sequential(
            [keras.Input((6,)), layers.Dense(21, kernel_constraint="max_norm"), layers.Dense(3)]
        ),
        lambda: keras.Sequential([keras.Input((6,)), layers.Dense(21, name="an_output")]),
    ],
)
def test_what_would_notice_the_added_units_is_left_alone(build):
    wide = aligned(build(), _plan())
    assert wide is None or not any(key.startswith("first/") for key in wide.shapes)


def test_an_output_on_the_way_keeps_its_width():
    x = keras.Input((6,))
    first = layers.Dense(21, activation="relu", name="first")(x)
    model = keras.Model(x, [first, layers.Dense(3, name="last")(first)])
    assert aligned(model, _plan()) is None


@pytest.mark.parametrize("optimizer", ["Adafactor", "Ftrl", "Lamb", "Muon"])
def test_optimizers_that_may_move_a_zero_train_the_net_as_it_is(optimizer):
    assert aligned(_deep(), _plan(optimizer)) is None


def test_an_interrupted_training_goes_on_bit_for_bit(tmp_path):
    whole, broken = _deep(dropout=0.2), _deep(dropout=0.2)
    train(whole, blobs(), None, _plan("Adam"))
    seen = []

    def interrupt(progress):
        seen.append(progress.step)
        np.testing.assert_equal(progress.model().get_layer("first").units, 21)
        if len(seen) == 2:
            raise Interrupted("now")

    path = tmp_path / "checkpoint.npz"
    with pytest.raises(Interrupted):
        train(broken, blobs(), None, _plan("Adam"), checkpoint_to=path, on_step=interrupt)
    again = _deep(dropout=0.2)
    train(again, blobs(), None, _plan("Adam"), resume_from=path)
    for one, other in zip(weights(whole), weights(again), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_callers_optimizer_gets_slots_of_the_models_own_widths():
    model, plan = mlp(hidden=21), _plan("Adam")
    train(model, blobs(), None, plan)
    shapes = {tuple(v.shape) for v in masks_module.variable_keys(model).values()}
    assert {tuple(v.shape) for v in plan.optimizer.variables if len(v.shape)} <= shapes
