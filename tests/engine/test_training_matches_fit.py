"""The compiled loop takes the same steps as `model.fit`, whatever the net is made of."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.engine.training_nets import Arrays, blobs, mlp, rich, weights
from worker.engine.training import TrainingPlan, capture, restore, train
from worker.engine.training.optimizers import fresh

OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda: keras.optimizers.Adam(0.01, amsgrad=True, clipnorm=0.5),
    "adamw": lambda: keras.optimizers.AdamW(0.01),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "adafactor": lambda: keras.optimizers.Adafactor(0.01),
    "accumulating": lambda: keras.optimizers.SGD(0.05, gradient_accumulation_steps=3),
    "scheduled": lambda: keras.optimizers.Adam(
        keras.optimizers.schedules.ExponentialDecay(0.01, 3, 0.5)
    ),
}


def _both(model, split, plan, **compiled):
    """Weights after our loop and after fit, from the same start and over the same batches."""
    start = capture(model)
    train(model, split, None, plan, state=start)
    ours = weights(model)
    restore(model, None, start)
    model.compile(
        optimizer=fresh(plan.optimizer),
        loss=plan.loss,
        loss_weights=plan.loss_weights,
        auto_scale_loss=False,
    )
    x = split.x if len(split.x) > 1 else next(iter(split.x.values()))
    y = split.y if len(split.y) > 1 else next(iter(split.y.values()))
    y = compiled.pop("y", y)
    model.fit(
        x, y, batch_size=plan.batch_size, epochs=plan.epochs, shuffle=False, verbose=0, **compiled
    )
    return ours, weights(model)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_kind_of_optimizer_takes_the_steps_of_fit(name):
    plan = TrainingPlan(
        OPTIMIZERS[name](),
        "sparse_categorical_crossentropy",
        epochs=2,
        batch_size=32,
        shuffle=False,
        loop="graph",
    )
    ours, fitted = _both(mlp(), blobs(64), plan)  # two whole batches
    for one, other in zip(ours, fitted, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("loop", ["xla", "graph", "fit"])
def test_normalisation_dropout_regularizers_and_constraints_are_as_in_fit(loop):
    plan = TrainingPlan(
        keras.optimizers.SGD(0.05),
        "sparse_categorical_crossentropy",
        epochs=2,
        batch_size=32,
        shuffle=False,
        loop=loop,
    )
    # XLA draws other random numbers, so there dropout is left out.
    ours, fitted = _both(rich(dropout=0.0 if loop == "xla" else 0.3), blobs(), plan)
    for one, other in zip(ours, fitted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5)


def test_class_weights_are_as_in_fit():
    plan = TrainingPlan(
        keras.optimizers.SGD(0.05),
        "sparse_categorical_crossentropy",
        epochs=1,
        batch_size=32,
        shuffle=False,
        loop="graph",
        class_weight=[{0: 5.0, 2: 0.1}],
    )
    ours, fitted = _both(mlp(), blobs(), plan, class_weight={0: 5.0, 1: 1.0, 2: 0.1})
    unweighted = mlp()
    plain = TrainingPlan(plan.optimizer, plan.loss, 1, 32, shuffle=False, loop="graph")
    train(unweighted, blobs(), None, plain)
    np.testing.assert_allclose(ours[0], fitted[0], rtol=2e-5, atol=1e-6)
    assert not np.allclose(ours[0], unweighted.weights[0].numpy(), atol=1e-4)


def _two_in_two_out() -> tuple[keras.Model, Arrays]:
    keras.utils.set_random_seed(1)
    left, right = keras.Input((4,), name="left"), keras.Input((3,), name="right")
    joined = keras.layers.Concatenate(name="join")([left, right])
    hidden = keras.layers.Dense(6, activation="tanh", name="hidden")(joined)
    kind = keras.layers.Dense(2, activation="softmax", name="kind")(hidden)
    size = keras.layers.Dense(1, name="size")(hidden)
    model = keras.Model([left, right], [kind, size])
    draw = np.random.default_rng(3)
    a, b = draw.normal(size=(50, 4)), draw.normal(size=(50, 3))
    x = {"right": b.astype("float32"), "left": a.astype("float32")}
    y = {"size": (a.sum(1) + b.sum(1)).astype("float32"), "kind": (a[:, 0] > 0).astype("int64")}
    return model, Arrays(x, y)


def test_several_inputs_and_outputs_go_by_name():
    model, split = _two_in_two_out()
    plan = TrainingPlan(
        keras.optimizers.Adam(0.01),
        {"size": "mse", "kind": "sparse_categorical_crossentropy"},
        epochs=2,
        batch_size=16,
        loss_weights={"size": 0.5, "kind": 2.0},
        shuffle=False,
        loop="graph",
    )
    ours, fitted = _both(model, split, plan)
    for one, other in zip(ours, fitted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_class_weights_weigh_the_output_they_are_given_for():
    model, split = _two_in_two_out()
    plan = TrainingPlan(
        keras.optimizers.SGD(0.05),
        {"size": "mse", "kind": "sparse_categorical_crossentropy"},
        epochs=2,
        batch_size=16,
        shuffle=False,
        loop="graph",
        class_weight=[{1: 4.0}, None],
    )
    by_class = np.where(split.y["kind"] == 1, 4.0, 1.0).astype("float32")
    sample_weight = [by_class, np.ones(50, "float32")]
    y = [split.y["kind"], split.y["size"]]
    ours, fitted = _both(model, split, plan, y=y, sample_weight=sample_weight)
    for one, other in zip(ours, fitted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_dict_shaped_models_train():
    inputs = {"b": keras.Input((2,), name="b"), "a": keras.Input((3,), name="a")}
    joined = keras.layers.Concatenate(name="join")([inputs["a"], inputs["b"]])
    outputs = {
        "up": keras.layers.Dense(1, name="up")(joined),
        "down": keras.layers.Dense(1, name="down")(joined),
    }
    model = keras.Model(inputs, outputs)
    draw = np.random.default_rng(0)
    x = {"a": draw.normal(size=(64, 3)), "b": draw.normal(size=(64, 2))}
    total = x["a"].sum(1) + x["b"].sum(1)
    split = Arrays(x, {"up": total, "down": -total})
    plan = TrainingPlan(keras.optimizers.SGD(0.1), "mse", epochs=20, batch_size=16, loop="graph")
    trained = train(model, split, split, plan)
    assert trained.history[-1].validation_loss < 0.01
    kernel = model.get_layer("up").kernel.numpy()
    np.testing.assert_allclose(kernel, np.ones_like(kernel), atol=0.05)
