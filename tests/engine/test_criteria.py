"""Each criterion against its definition, on a net small enough to do by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from prunery.specs.recipe import Criterion
from worker.engine.graph import analyse
from worker.engine.masks import variable_keys
from worker.engine.pruning import criteria
from worker.engine.pruning.context import Context
from worker.engine.pruning.units import unit_scores

W1 = np.array([[1.0, -2.0, 0.5], [0.0, 1.0, -1.0]], np.float32)
B1 = np.array([0.5, 0.0, -0.25], np.float32)
W2 = np.array([[1.0], [2.0], [-3.0]], np.float32)
X = np.array([[1.0, 1.0], [2.0, 0.0]], np.float32)
Y = np.array([[1.0], [0.0]], np.float32)


@pytest.fixture
def net() -> keras.Model:
    layers = [
        keras.Input((2,)),
        keras.layers.Dense(3, activation="relu", name="h"),
        keras.layers.Dense(1, name="out"),
    ]
    model = keras.Sequential(layers)
    model.set_weights([W1, B1, W2, np.zeros(1, np.float32)])
    return model


def _context(net: keras.Model, **more: object) -> Context:
    values = {key: np.array(v) for key, v in variable_keys(net).items()}
    return Context(
        model=net,
        values=values,
        keys=("h/kernel", "out/kernel"),
        batch=(tf.constant(X), tf.constant(Y)),
        loss=lambda y, p: tf.reduce_mean((y - p) ** 2),
        **more,  # type: ignore[arg-type]
    )


def _gradients() -> tuple[np.ndarray, np.ndarray]:
    """Mean squared error of the net, differentiated by hand."""
    z = X @ W1 + B1
    a = np.maximum(z, 0)
    error = 2 * (a @ W2 - Y) / len(X)
    return X.T @ ((error @ W2.T) * (z > 0)), a.T @ error


def test_magnitude_is_the_absolute_weight(net: keras.Model) -> None:
    found = criteria.of("magnitude")(_context(net))
    assert (found["h/kernel"] == np.abs(W1)).all()


def test_movement_is_how_far_training_went(net: keras.Model) -> None:
    initial = {"h/kernel": W1 + 0.5, "out/kernel": W2}
    found = criteria.of("movement")(_context(net, initial=initial))
    assert np.allclose(found["h/kernel"], 0.5)
    assert np.allclose(found["out/kernel"], 0)


def test_random_is_repeatable_and_not_constant(net: keras.Model) -> None:
    first = criteria.of("random")(_context(net, seed=1))["h/kernel"]
    assert (first == criteria.of("random")(_context(net, seed=1))["h/kernel"]).all()
    assert (first != criteria.of("random")(_context(net, seed=2))["h/kernel"]).any()


def test_snip_is_the_absolute_gradient_times_weight(net: keras.Model) -> None:
    first, second = _gradients()
    found = criteria.of("snip")(_context(net))
    assert np.allclose(found["h/kernel"], np.abs(first * W1), atol=1e-6)
    assert np.allclose(found["out/kernel"], np.abs(second * W2), atol=1e-6)


def test_taylor_squares_gradient_times_weight(net: keras.Model) -> None:
    first, _ = _gradients()
    assert np.allclose(
        criteria.of("taylor")(_context(net))["h/kernel"], (first * W1) ** 2, atol=1e-5
    )


def test_grasp_is_weight_times_hessian_times_gradient(net: keras.Model) -> None:
    """Checked by differences: Hg is how the gradient moves along itself."""
    context = _context(net)
    found = criteria.of("grasp")(context)["out/kernel"]
    step = 1e-3
    _, g = _gradients()
    first_g, _ = _gradients()

    def gradient_at(sign: float) -> np.ndarray:
        w1, w2 = W1 + sign * step * first_g, W2 + sign * step * g
        z = X @ w1 + B1
        a = np.maximum(z, 0)
        return a.T @ (2 * (a @ w2 - Y) / len(X))

    hessian_gradient = (gradient_at(1) - gradient_at(-1)) / (2 * step)
    assert np.allclose(found, hessian_gradient * W2, rtol=2e-2, atol=1e-2)


def test_synflow_is_the_flow_through_each_weight(net: keras.Model) -> None:
    """R = 1 |W1| |W2| + |b1| |W2|; each weight's share is itself times the flow around it."""
    found = criteria.of("synflow")(_context(net))
    into = np.abs(W1).sum(axis=0) + np.abs(B1)
    assert np.allclose(found["h/kernel"], np.abs(W1) * np.abs(W2).T)
    assert np.allclose(found["out/kernel"], np.abs(W2) * into[:, None])


def test_synflow_leaves_the_weights_as_they_were(net: keras.Model) -> None:
    criteria.of("synflow")(_context(net))
    assert (np.array(variable_keys(net)["h/kernel"]) == W1).all()


def _units(net: keras.Model, **criterion: object) -> np.ndarray:
    context = _context(net, initial={"h/bias": np.array([0.5, 1.0, 0.0], np.float32)})
    groups = analyse(net).groups
    (only,) = unit_scores(groups, Criterion(**criterion), context).values()
    return only


def test_unit_magnitude_over_what_feeds_it(net: keras.Model) -> None:
    assert np.allclose(_units(net, over="in"), np.sqrt((W1**2).sum(axis=0)))
    assert np.allclose(_units(net, over="in", norm="l1"), np.abs(W1).sum(axis=0))


def test_unit_magnitude_over_what_feeds_and_what_reads_it(net: keras.Model) -> None:
    feeding, reading = np.sqrt((W1**2).sum(axis=0)), np.abs(W2[:, 0])
    assert np.allclose(_units(net, over="in_out"), feeding * reading)


def test_bias_displacement_is_the_articles_criterion(net: keras.Model) -> None:
    assert np.allclose(_units(net, name="bias_displacement"), [0.0, 1.0, 0.25])


def test_unit_taylor_squares_the_sum(net: keras.Model) -> None:
    first, _ = _gradients()
    expected = (first * W1).sum(axis=0) ** 2
    assert np.allclose(_units(net, name="taylor"), expected, atol=1e-5)


def test_fpgm_is_lowest_for_the_unit_nearest_all_others(net: keras.Model) -> None:
    columns = W1.T
    expected = [sum(np.linalg.norm(c - other) for other in columns) for c in columns]
    assert np.allclose(_units(net, name="fpgm"), expected)


def test_apoz_is_the_share_of_examples_on_which_a_unit_is_silent(net: keras.Model) -> None:
    active = (np.maximum(X @ W1 + B1, 0) > 0).mean(axis=0)
    assert np.allclose(_units(net, name="apoz"), active)


def test_bn_scale_is_the_absolute_gamma() -> None:
    layers = [
        keras.Input((2,)),
        keras.layers.Dense(3),
        keras.layers.BatchNormalization(name="norm"),
        keras.layers.Dense(1),
    ]
    net = keras.Sequential(layers)
    variable_keys(net)["norm/gamma"].assign([0.5, -2.0, 1.0])
    values = {key: np.array(v) for key, v in variable_keys(net).items()}
    context = Context(model=net, values=values, keys=())
    (only,) = unit_scores(analyse(net).groups, Criterion(name="bn_scale"), context).values()
    assert np.allclose(only, [0.5, 2.0, 1.0])
