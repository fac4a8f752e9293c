"""A mask holds at every step, for every optimizer: in the weight, and in what moves it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.engine.training_nets import blobs, half_masks, mlp, rich, weights
from worker.engine import masks as masks_module
from worker.engine.training import TrainingPlan, capture, train
from worker.engine.training.optimizers import fresh
from worker.engine.training.slots import is_elementwise, optimizer_keys, slots_of

LOSS = "sparse_categorical_crossentropy"
OPTIMIZERS = {
    "SGD": lambda: keras.optimizers.SGD(0.05, momentum=0.9, weight_decay=0.01),
    "Adam": lambda: keras.optimizers.Adam(0.01, amsgrad=True),
    "AdamW": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
    "RMSprop": lambda: keras.optimizers.RMSprop(0.01, momentum=0.9, centered=True),
    "Adadelta": lambda: keras.optimizers.Adadelta(1.0),
    "Adagrad": lambda: keras.optimizers.Adagrad(0.05),
    "Adamax": lambda: keras.optimizers.Adamax(0.01),
    "Nadam": lambda: keras.optimizers.Nadam(0.01),
    "Ftrl": lambda: keras.optimizers.Ftrl(0.05, l1_regularization_strength=0.001),
    "Lion": lambda: keras.optimizers.Lion(0.01),
    "Lamb": lambda: keras.optimizers.Lamb(0.01),
    "Adafactor": lambda: keras.optimizers.Adafactor(0.01),
    "Muon": lambda: keras.optimizers.Muon(0.01),
    "ScheduleFreeAdamW": lambda: keras.optimizers.ScheduleFreeAdamW(0.01),
    "averaged": lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=2),
    "accumulating": lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=2),
    "loss scaling": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)),
}


def _plan(optimizer, **changes) -> TrainingPlan:
    settings = {"epochs": 2, "batch_size": 16, "loop": "graph"} | changes
    return TrainingPlan(optimizer, LOSS, **settings)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_masked_weight_is_zero_and_its_slots_untouched_after_every_step(name):
    split = blobs(48)
    for steps in (1, 2, 5):
        model = mlp()
        optimizer = OPTIMIZERS[name]()
        masks = half_masks(model)
        train(model, split, None, _plan(optimizer, steps=steps), masks=masks)
        _check_held(model, optimizer, masks)


@pytest.mark.parametrize("name", ["SGD", "Adam", "Ftrl", "Muon"])
def test_mask_holds_under_xla(name):
    model = rich() if name == "SGD" else mlp()
    optimizer = OPTIMIZERS[name]()
    masks = half_masks(model)
    train(model, blobs(48), None, _plan(optimizer, loop="xla"), masks=masks)
    _check_held(model, optimizer, masks)


def _check_held(model, optimizer, masks) -> None:
    variables = masks_module.variable_keys(model)
    untouched = mlp(1) if len(model.layers) == 2 else rich(1)
    for key, mask in masks.items():
        value = variables[key].numpy()
        assert np.isfinite(value).all()
        assert (value[~mask] == 0).all()
        assert (value[mask] != 0).any()
    untrained = fresh(optimizer)
    untrained.build(untouched.trainable_variables)
    starts = {k: v.numpy() for k, v in optimizer_keys(untrained, untouched).items()}
    names = {id(v): k for k, v in optimizer_keys(optimizer, model).items()}
    weight_names = masks_module.key_of(model)
    for slot, weight in slots_of(optimizer, model):
        mask = masks.get(weight_names[id(weight)])
        if mask is None:
            continue
        name = names[id(slot)]
        start = 0.0 if "ScheduleFree" in type(optimizer).__name__ else starts[name][~mask]
        assert (slot.numpy()[~mask] == start).all(), name


def test_fine_tuning_zeroes_the_moments_of_newly_masked_weights():
    model, optimizer = mlp(), keras.optimizers.Adam(0.01)
    dense = train(model, blobs(48), None, _plan(optimizer))
    masks = half_masks(model)
    going_on = keras.optimizers.Adam(0.01)
    train(model, blobs(48), None, _plan(going_on, epochs=3), masks=masks, state=dense.state)
    _check_held(model, going_on, masks)


def test_masking_only_gradients_would_move_masked_weights():
    """The bug that the two rules above are for: moments and decay move what has no gradient."""
    model = mlp()
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.1)
    state = train(model, blobs(48), None, _plan(optimizer)).state
    masks = half_masks(model)
    before = capture(model)
    optimizer.apply(
        [np.zeros(v.shape, np.float32) for v in model.trainable_variables],
        model.trainable_variables,
    )
    key = "hidden/kernel"
    moved = masks_module.variable_keys(model)[key].numpy() != before.weights[key]
    assert moved[~masks[key]].any()
    assert state.optimizer is not None


def test_masked_gradients_count_in_no_norm():
    """Half of every kernel masked: the step is clipped by what is left of the gradient alone."""
    split, model, rate, limit = blobs(16), mlp(), 0.1, 0.05
    masks = half_masks(model)
    masks_module.apply(model, masks)
    before = capture(model).weights
    trained, keys = model.trainable_variables, masks_module.key_of(model)
    with tf.GradientTape() as tape:
        loss = keras.losses.SparseCategoricalCrossentropy()(split.y["y"], model(split.x["x"]))
    gradients = [g.numpy() for g in tape.gradient(loss, [v.value for v in trained])]
    left = [g * masks.get(keys[id(v)], True) for g, v in zip(gradients, trained, strict=True)]
    whole, norm = (np.sqrt(sum((g**2).sum() for g in part)) for part in (gradients, left))
    assert whole > 1.1 * norm > limit
    optimizer = keras.optimizers.SGD(rate, global_clipnorm=limit)
    train(model, split, None, _plan(optimizer, epochs=1), masks=masks)
    for variable, gradient in zip(trained, left, strict=True):
        wanted = before[keys[id(variable)]] - rate * limit / norm * gradient
        np.testing.assert_allclose(variable.numpy(), wanted, rtol=1e-5, atol=1e-7)


def test_masked_net_trains_like_the_smaller_net_it_is():
    """Whole units masked: what is left takes the very steps of the net without them."""
    split = blobs(48)
    for make in (
        lambda: keras.optimizers.SGD(0.1, momentum=0.9),
        lambda: keras.optimizers.Adam(0.01, global_clipnorm=0.05),
    ):
        wide, narrow = mlp(hidden=8), mlp(hidden=5)
        kept = np.array([0, 2, 3, 5, 7])
        wide.layers[0].bias.assign(np.zeros(8))
        narrow.layers[0].kernel.assign(wide.layers[0].kernel.numpy()[:, kept])
        narrow.layers[1].kernel.assign(wide.layers[1].kernel.numpy()[kept])
        column = np.isin(np.arange(8), kept)
        masks = {
            "hidden/kernel": np.broadcast_to(column, (6, 8)),
            "hidden/bias": column,
            "output/kernel": np.broadcast_to(column[:, None], (8, 3)),
        }
        train(wide, split, None, _plan(make()), masks=masks)
        train(narrow, split, None, _plan(make()))
        np.testing.assert_allclose(
            wide.layers[0].kernel.numpy()[:, kept], weights(narrow)[0], rtol=1e-4, atol=1e-6
        )


def test_every_optimizer_called_elementwise_is_tried_here():
    from worker.engine.training.slots import ELEMENTWISE

    assert set(OPTIMIZERS) >= ELEMENTWISE
    assert not is_elementwise(keras.optimizers.Muon())
    assert is_elementwise(OPTIMIZERS["loss scaling"]())
