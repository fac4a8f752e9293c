"""The certificate says "exact" of what is exact, and nothing of what it cannot see."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from tests.engine.test_masked import KEEP, net
from worker.engine import masks
from worker.engine.compaction import certificate, masked, probes, stepwise
from worker.engine.profiling import flops

X = {"x": np.random.default_rng(0).normal(size=(40, 5)).astype("float32")}


def test_exact_pair_is_certified(tmp_path: Path):
    original, compact = net(8), net(4)
    full = masked.scatter(original, compact, KEEP)
    full.save(tmp_path / "masked.keras")
    compact.save(tmp_path / "model.keras")
    found = certificate.certify(
        full,
        compact,
        X,
        keep=KEEP,
        masked_path=tmp_path / "masked.keras",
        compact_path=tmp_path / "model.keras",
    )
    assert json.loads(json.dumps(found)) == found
    assert (found["format"], found["verdict"], found["reason"]) == (1, "exact", None)
    assert found["max_abs_diff_float64"] < 1e-14
    assert 0 <= found["max_rel_diff_native"] < 1e-5
    assert found["output_variation"] > 1e-3
    assert found["parameters"] == {"masked": full.count_params(), "compact": compact.count_params()}
    assert found["keep"]["b/kernel"] == {"0": [0, 2, 3, 6]}
    assert found["inputs"]["examples"] == 40
    assert found["local"]["operations"] == 4
    assert 0 <= found["local"]["max_rel_diff_native"] < 1e-5
    content = (tmp_path / "model.keras").read_bytes()
    assert found["compact_sha256"] == hashlib.sha256(content).hexdigest()
    short = certificate.proof(found)
    assert (short.verdict, short.same_class, short.sha256) == (
        "exact",
        1.0,
        found["compact_sha256"],
    )


def test_a_small_difference_is_found():
    original, compact = net(8), net(4)
    full = masked.scatter(original, compact, KEEP)
    kernel = masks.variable_keys(compact)["a/kernel"]
    value = masks.values(kernel)
    value[0, 0] += 1e-5
    kernel.assign(value)
    found = certificate.certify(full, compact, X, keep=KEEP)
    assert found["verdict"] == "not_proven"
    assert found["local"]["worst"] == "a"
    assert certificate.certify(full, compact, X, approximate=True)["verdict"] == "approximate"


def test_zeroing_producers_alone_is_not_exact():
    original, compact = net(8), net(4)
    full = masked.scatter(original, compact, KEEP)
    readers = masks.variable_keys(full)["b/kernel"]
    readers.assign(np.ones(readers.shape))
    small = masks.variable_keys(compact)["b/kernel"]
    small.assign(np.ones(small.shape))
    assert certificate.certify(full, compact, X)["verdict"] == "not_proven"


def test_silence_is_not_proof():
    def silent(units: int) -> keras.Model:
        model = net(units)
        for variable in model.weights:
            variable.assign(np.zeros(variable.shape))
        return model

    found = certificate.certify(silent(8), silent(4), X)
    assert found["max_abs_diff_float64"] == 0
    assert found["verdict"] == "not_proven"
    assert "same for all inputs" in found["reason"]


def test_amplified_rounding_is_not_called_exact():
    """A chaotic map: each step doubles the distance of two near values."""

    def chaos(scale: float) -> keras.Model:
        inputs = keras.Input((1,), name="x")
        x = layers.Dense(1, name="d")(inputs)
        for _ in range(60):
            x = keras.ops.subtract(1.0, keras.ops.multiply(1.99, keras.ops.square(x)))
        model = keras.Model(inputs, x)
        model.set_weights([np.array([[scale]], "float32"), np.array([0.1], "float32")])
        return model

    near = float(np.nextafter(np.float32(0.5), np.float32(1)))
    x = {"x": np.linspace(-1, 1, 20, dtype="float32")[:, None]}
    found = certificate.certify(chaos(0.5), chaos(near), x, keep={})
    assert found["verdict"] == "not_proven"
    assert found["local"]["max_rel_diff_native"] < 1e-6
    assert "amplifies rounding" in found["reason"]


def test_without_examples_random_inputs_are_used():
    compact = net(4)
    full = masked.scatter(net(8), compact, KEEP)
    found = certificate.certify(full, compact, {})
    assert found["verdict"] == "exact"
    assert found["inputs"]["examples"] == 0
    assert found["inputs"]["split"] is None


def test_half_precision_and_nested_models_are_proven_in_float64():
    def deep(units: int) -> keras.Model:
        inputs = keras.Input((8, 8, 3), name="x")
        inner = keras.Sequential(
            [keras.Input((8, 8, 3)), layers.Conv2D(units, 3, name="c"), layers.ReLU()], name="body"
        )
        x = layers.GlobalAveragePooling2D()(inner(layers.Rescaling(1 / 3)(inputs)))
        return keras.Model(inputs, layers.Dense(2, name="head", dtype="float32")(x))

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        full, compact = deep(6), deep(3)
    finally:
        keras.config.set_dtype_policy(before)
    kept = np.array([1, 2, 5])
    keep = {"body/c/kernel": {3: kept}, "body/c/bias": {0: kept}, "head/kernel": {0: kept}}
    full = masked.scatter(full, compact, keep)
    x = {"x": np.random.default_rng(0).normal(size=(8, 8, 8, 3))}
    found = certificate.certify(full, compact, x)
    assert found["verdict"] == "exact"
    assert found["max_abs_diff_float64"] < 1e-13
    assert compact.layers[1].dtype_policy.name == "mixed_float16"


def test_stepwise_run_agrees_with_the_model_itself():
    inputs = keras.Input((6,), dtype="int32", name="words")
    x = layers.Embedding(9, 4, mask_zero=True)(inputs)
    x = layers.LSTM(5)(x)
    other = keras.Input((3,), name="other")
    outputs = {"b": layers.Dense(2)(layers.Concatenate()([x, other])), "a": x + 1.0}
    model = keras.Model({"words": inputs, "other": other}, outputs)
    rng = np.random.default_rng(0)
    given = {"words": rng.integers(0, 9, (4, 6)), "other": rng.normal(size=(4, 3))}
    flat = [given[t.name] for t in model.inputs]
    expected = keras.tree.flatten(model(given))
    for wide, narrow in zip(stepwise.run(model, flat), expected, strict=True):
        assert wide.dtype == np.float64
        np.testing.assert_allclose(wide, np.asarray(narrow), rtol=1e-4, atol=1e-6)


def test_a_constant_operand_is_widened_with_what_it_meets():
    """A convolution, unlike a product, takes no two precisions at once."""
    inputs = keras.Input((6, 6, 2))
    blur = ops.depthwise_conv(inputs, np.full((3, 3, 2, 1), 1 / 9, "float32"))
    model = keras.Model(inputs, ops.max_pool(blur, 2))
    (wide,) = stepwise.run(model, [np.ones((1, 6, 6, 2))])
    assert wide.dtype == np.float64
    np.testing.assert_allclose(wide, 1.0, rtol=1e-6)


def test_a_large_network_is_proven_on_fewer_examples():
    small = net(4)
    assert probes.plan(small, 64) == probes.Plan(64)
    inputs = keras.Input((224, 224, 3))
    large = keras.Model(inputs, layers.Conv2D(512, 9, padding="same")(inputs))
    plan = probes.plan(large, 64)
    assert plan.examples + plan.extra == probes.BUDGET_FLOPS // flops(large)
    own, given = probes.inputs_for(small, X, probes.Plan(3, random=2, scaled=1, single=1), 0)
    assert (own, len(given[0])) == (3, 8)
    assert not given[0][6].any()
    assert np.count_nonzero(given[0][7]) == 1
