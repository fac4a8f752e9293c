"""Dead units go to a fixpoint, constants are folded exactly, and live constants stay."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
from keras import layers, ops

from worker.engine import masks
from worker.engine.compaction import certificate, dead
from worker.engine.compaction.rebuild import Compacted
from worker.engine.graph import analyse


def randomise(model: keras.Model, seed: int = 0) -> keras.Model:
    """Random weights, biases and statistics: a net of zeros and ones hides mistakes."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        positive = variable.name in ("moving_variance", "gamma")
        low, high = (0.5, 1.5) if positive else (-1.0, 1.0)
        variable.assign(rng.uniform(low, high, variable.shape))
    return model


def masked(model: keras.Model, density: float, seed: int = 0) -> masks.Masks:
    rng = np.random.default_rng(seed)
    found = {
        key: rng.random(masks.variable_keys(model)[key].shape) < density
        for key in masks.prunable_keys(model)
    }
    masks.apply(model, found)
    return found


def compacted(model: keras.Model, mask: masks.Masks, limit: float = 1e-13) -> Compacted:
    """Compact, and insist that nothing changed."""
    before = {key: masks.values(v) for key, v in masks.variable_keys(model).items()}
    found = dead.compact_masked(model, analyse(model), mask)
    for key, variable in masks.variable_keys(model).items():
        np.testing.assert_array_equal(before[key], masks.values(variable))
    proof = certificate.certify(model, found.model, {})
    silent = proof["output_variation"] == 0  # a mask so sparse that no input gets through
    assert proof["verdict"] == "exact" or silent, proof["reason"]
    assert proof["max_abs_diff_float64"] < limit * max(1.0, largest(model))
    return found


def largest(model: keras.Model) -> float:
    rng = np.random.default_rng(0)
    given = [10 * rng.normal(size=(8, *(s or 32 for s in t.shape[1:]))) for t in model.inputs]
    return float(np.max(np.abs(model(given if len(given) > 1 else given[0]))))


def chain(*hidden: keras.Layer, shape: tuple[int, ...], outputs: int = 3) -> keras.Model:
    return randomise(
        keras.Sequential([keras.Input(shape), *hidden, layers.Dense(outputs, name="out")])
    )


def mlp() -> keras.Model:
    return chain(
        layers.Dense(300, "relu", name="a"), layers.Dense(100, "relu", name="b"), shape=(64,)
    )


@pytest.mark.parametrize("density", [0.2, 0.03, 0.01])
def test_sparse_mlp_shrinks_exactly(density: float):
    model = mlp()
    found = compacted(model, masked(model, density))
    if density < 0.1:
        assert found.model.count_params() < model.count_params() * density * 10


def test_the_constants_of_dead_units_are_folded_not_kept():
    model = mlp()
    mask = masked(model, 0.01)
    fed = mask["a/kernel"].any(axis=0)
    found = compacted(model, mask)
    assert not fed.all()
    assert "b/bias" in found.folded
    kept = found.keep["a/kernel"][1]
    assert np.sum(~fed[kept]) <= 1  # one may stay to carry what rounding leaves over


def test_unit_that_nothing_reads_goes_and_takes_its_feeders_along():
    model = chain(layers.Dense(4, name="a"), layers.Dense(4, name="b"), shape=(5,))
    out = np.ones((4, 3), bool)
    out[2] = False
    b = np.eye(4, dtype=bool)
    masks.apply(model, {"out/kernel": out, "b/kernel": b})
    found = compacted(model, {"out/kernel": out, "b/kernel": b})
    assert found.keep["b/kernel"][1].tolist() == [0, 1, 3]
    assert found.keep["a/kernel"][1].tolist() == [0, 1, 3]
    assert found.folded == ()


@pytest.mark.parametrize("told", [ops.any, ops.all])
def test_a_unit_that_only_a_truth_value_looks_at_stays(told: Callable[..., keras.KerasTensor]):
    """One of sixty seldom says whether any, or all, of them speak."""
    inputs = keras.Input((6,))
    x = layers.Dense(60, "tanh", name="looked_at")(inputs)
    spoken = ops.cast(told(x > 0.5, axis=-1, keepdims=True), "float32")
    outputs = layers.Dense(3, name="head")(x + spoken)
    model = randomise(keras.Model(inputs, outputs))
    mask = {key: np.ones(masks.variable_keys(model)[key].shape, bool) for key in ("head/kernel",)}
    mask["head/kernel"][:4] = False
    masks.apply(model, mask)
    model.get_layer("looked_at").bias.assign([3.0] * 4 + [-3.0] * 56)
    assert compacted(model, mask).model.get_layer("looked_at").units == 60


def test_a_unit_that_only_attention_scores_look_at_stays():
    """No weight of the head reads it, but the scale of the attention does."""
    inputs = keras.Input((5, 4))
    x = layers.Dense(6, name="looked_at")(inputs)
    x = layers.AdditiveAttention()([x, x])
    model = randomise(keras.Model(inputs, layers.Dense(3, name="head")(x)))
    mask = {"head/kernel": np.ones((6, 3), bool)}
    mask["head/kernel"][:2] = False
    masks.apply(model, mask)
    assert compacted(model, mask).model.get_layer("looked_at").units == 6


def test_zero_filter_with_batch_norm_beta_is_a_live_constant():
    """Its value is beta, not 0: a reader with padding sees it at inner places only."""
    for padding, stays in (("same", True), ("valid", False)):
        model = chain(
            layers.Conv2D(6, 3, use_bias=False, name="a"),
            layers.BatchNormalization(name="n"),
            layers.Conv2D(5, 3, padding=padding, name="b"),
            layers.GlobalAveragePooling2D(),
            shape=(9, 9, 2),
        )
        mask = {"a/kernel": np.ones((3, 3, 2, 6), bool)}
        mask["a/kernel"][..., [1, 4]] = False
        masks.apply(model, mask)
        found = compacted(model, mask)
        kept = found.keep.get("a/kernel", {}).get(3, np.arange(6)).tolist()
        assert (4 in kept and 1 in kept) is stays


def test_constant_zero_goes_whatever_reads_it():
    model = chain(
        layers.Conv2D(6, 3, use_bias=False, activation="relu", name="a"),
        layers.Conv2D(6, 3, padding="same", groups=2, name="b"),
        layers.GlobalAveragePooling2D(),
        shape=(9, 9, 2),
    )
    mask = {"a/kernel": np.ones((3, 3, 2, 6), bool)}
    mask["a/kernel"][..., [1, 4]] = False
    masks.apply(model, mask)
    assert compacted(model, mask).keep["a/kernel"][3].tolist() == [0, 2, 3, 5]


def test_constants_fold_into_the_moving_mean_where_there_is_no_bias():
    model = chain(
        layers.Dense(20, "sigmoid", name="a"),
        layers.Dense(8, use_bias=False, name="b"),
        layers.BatchNormalization(name="n"),
        shape=(5,),
    )
    mask = {"a/kernel": np.ones((5, 20), bool)}
    mask["a/kernel"][:, 3:12] = False
    masks.apply(model, mask)
    found = compacted(model, mask)
    assert "n/moving_mean" in found.folded
    assert len(found.keep["a/kernel"][1]) <= 12


def test_constant_behind_zero_padding_stays():
    model = chain(
        layers.Conv2D(6, 1, activation="sigmoid", name="a"),
        layers.ZeroPadding2D(1),
        layers.Conv2D(4, 3, name="b"),
        layers.Flatten(),
        shape=(6, 6, 2),
    )
    mask = {"a/kernel": np.ones((1, 1, 2, 6), bool)}
    mask["a/kernel"][..., 2] = False
    masks.apply(model, mask)
    assert "a/kernel" not in compacted(model, mask).keep


def test_silent_relu_unit_is_not_dead():
    """It never fires on any probe, yet its weights live: only the graph's word counts."""
    model = chain(layers.Dense(6, "relu", name="a"), shape=(4,))
    bias = masks.values(masks.variable_keys(model)["a/bias"])
    bias[3] = -1e6
    masks.variable_keys(model)["a/bias"].assign(bias)
    assert "a/kernel" not in compacted(model, {}).keep


@pytest.mark.parametrize("axis", [0, 1])
def test_a_sum_over_any_length_is_no_constant(axis: int):
    """At one length it looks like one, be it of the batch."""
    inputs = keras.Input((None, 3))
    x = layers.Dense(6, "sigmoid", name="a")(inputs)
    x = ops.sum(x, axis=axis, keepdims=True) + layers.Dense(6)(inputs)
    model = randomise(keras.Model(inputs, layers.Dense(3, name="out")(x)))
    mask = {"a/kernel": np.ones((3, 6), bool)}
    mask["a/kernel"][:, [1, 4]] = False
    masks.apply(model, mask)
    assert compacted(model, mask).model.get_layer("a").units == 6


def residual() -> keras.Model:
    inputs = keras.Input((8, 8, 3))
    x = stem = layers.Conv2D(12, 3, padding="same", name="stem")(inputs)
    for k in range(2):
        y = layers.Conv2D(9, 1, name=f"in{k}", use_bias=False)(x)
        y = layers.BatchNormalization(name=f"n{k}")(y)
        y = layers.DepthwiseConv2D(3, name=f"d{k}", padding="same")(layers.ReLU()(y))
        y = layers.Conv2D(12, 1, name=f"out{k}")(layers.ReLU()(y))
        x = layers.Add()([x, y])
    x = layers.Concatenate()([x, stem])
    x = layers.Flatten()(layers.AveragePooling2D(4)(x))
    return randomise(keras.Model(inputs, layers.Dense(4, name="head")(x)))


def gated() -> keras.Model:
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(16, 3, activation="swish", name="c")(inputs)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(4, 1, activation="relu", name="squeeze")(gate)
    gate = layers.Conv2D(16, 1, activation="sigmoid", name="excite")(gate)
    x = layers.Multiply()([x, gate])
    x = layers.GlobalMaxPooling2D()(layers.Conv2D(10, 2, activation="tanh", name="d")(x))
    return randomise(keras.Model(inputs, layers.Dense(4, name="head")(x)))


def shared_nested() -> keras.Model:
    inner_in = keras.Input((7,))
    inner = keras.Model(inner_in, layers.Dense(7, "tanh", name="in")(inner_in), name="inner")
    a, b = keras.Input((5,)), keras.Input((5,))
    first = layers.Dense(7, "sigmoid", name="first")
    both = layers.Concatenate()([inner(first(a)), inner(inner(first(b)))])
    return randomise(keras.Model([a, b], layers.Dense(3, name="head")(both)))


def two_readers() -> keras.Model:
    inputs = keras.Input((6,))
    x = layers.Dense(30, "sigmoid", name="x")(inputs)
    y = layers.Dense(30, "tanh", name="y")(x)
    z = layers.Dense(20, "sigmoid", name="z")(layers.Activation("relu")(x))
    return randomise(keras.Model(inputs, layers.Dense(3, name="h")(layers.Concatenate()([y, z]))))


@pytest.mark.parametrize("build", [residual, gated, shared_nested, two_readers])
@pytest.mark.parametrize("density", [0.5, 0.15, 0.05])
def test_branches_gates_sharing_and_nesting(build: Callable[[], keras.Model], density: float):
    for seed in range(3):
        model = build()
        compacted(model, masked(model, density, seed), limit=1e-12)


def test_a_collapsed_layer_keeps_a_unit():
    model = mlp()
    mask = masked(model, 1.0) | {"b/kernel": np.zeros((300, 100), bool)}
    masks.apply(model, mask)
    found = dead.compact_masked(model, analyse(model), mask)
    x = np.random.default_rng(0).normal(size=(4, 64))
    np.testing.assert_allclose(model(x), found.model(x), rtol=1e-5)
    assert found.model.count_params() < 200


def test_mask_must_be_applied_first():
    model = mlp()
    with pytest.raises(ValueError, match="a/kernel is not 0"):
        dead.compact_masked(model, analyse(model), {"a/kernel": np.zeros((64, 300), bool)})


@pytest.mark.parametrize("wrap", [lambda rnn: rnn, layers.Bidirectional])
def test_recurrent_unit_without_inputs_follows_its_own_course(wrap: Callable[..., keras.Layer]):
    """Its last state depends on how long the sequence is: no constant to fold."""
    inputs = keras.Input((None, 3))
    x = wrap(layers.LSTM(6, name="lstm"))(inputs)
    model = randomise(keras.Model(inputs, layers.Dense(3, name="out")(x)))
    mask = {}
    for key in masks.prunable_keys(model):
        if "lstm" in key:
            mask[key] = np.ones(masks.variable_keys(model)[key].shape, bool)
            mask[key][:, [1, 7, 13, 19]] = False
    masks.apply(model, mask)
    found = dead.compact_masked(model, analyse(model), mask)
    for steps in (2, 5, 40):
        x = np.random.default_rng(0).normal(size=(4, steps, 3))
        np.testing.assert_allclose(model(x), found.model(x), rtol=1e-5, atol=1e-6)
