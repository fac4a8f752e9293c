"""Equal outputs, in float64, on inputs that find what examples do not."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

NARROW = ("float16", "bfloat16", "float32", "mixed_float16", "mixed_bfloat16")
FREE = 32
NATIVE_LIMIT = 1e-4


def wide(model: keras.Model) -> keras.Model:
    """The same model in float64."""
    twin = type(model).from_config(_edited(model.get_config()))
    if not twin.built:
        twin.build_from_config(model.get_build_config())
    twin.set_weights([np.array(v.value.numpy()).astype(_numeric(v)) for v in model.weights])
    for layer in twin._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    return twin


def _numeric(variable: Any) -> Any:
    return np.float64 if "float" in str(variable.dtype) else str(variable.dtype)


def _edited(config: Any) -> Any:
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy" and config["config"]["name"] in NARROW:
            return config | {"config": {"name": "float64"}}
        return {
            key: "float64"
            if key in ("dtype", "output_dtype") and value in NARROW
            else _edited(value)
            for key, value in config.items()
        }
    if isinstance(config, list):
        return [_edited(item) for item in config]
    return tuple(_edited(item) for item in config) if isinstance(config, tuple) else config


def probes(model: keras.Model, high: int = 2, count: int = 6) -> dict[str, list[np.ndarray]]:
    """Random, scaled, zero and single-pixel inputs; whole numbers run from 0 below `high`."""
    rng = np.random.default_rng(7)
    found: dict[str, list[np.ndarray]] = {"random": [], "scaled": [], "zero": [], "single": []}
    for tensor in model.inputs:
        shape = (tensor.shape[0] or count, *(size or FREE for size in tensor.shape[1:]))
        if "float" in tensor.dtype:
            random = rng.normal(size=shape)
            single = np.zeros(shape)
            for example in single:
                example.reshape(-1)[rng.integers(example.size)] = 1.0
            each = (random, random * 20, np.zeros(shape), single)
        else:
            drawn = rng.integers(0, high, shape).astype(tensor.dtype)
            each = (drawn, drawn, np.zeros(shape, tensor.dtype), drawn)
        for name, value in zip(found, each, strict=True):
            found[name].append(value)
    return found


def disagreements(
    first: keras.Model, second: keras.Model, limit: float, high: int = 2
) -> list[str]:
    """Kinds of input on which two models differ by more than `limit` of their largest output."""
    problems, moved = [], False
    kinds = probes(first, high)
    a, b = wide(first), wide(second)
    try:
        _call(a, kinds["zero"])
    except Exception:  # TensorFlow has no float64 kernel for every operation on a CPU.
        a, b, limit = first, second, max(limit, NATIVE_LIMIT)
    for name, given in kinds.items():
        ours, theirs = _call(a, given), _call(b, given)
        for k, (x, y) in enumerate(zip(ours, theirs, strict=True)):
            if x.shape != y.shape:
                problems.append(f"output {k} is {y.shape}, not {x.shape}")
                continue
            same = (x == y) | (np.isnan(x) & np.isnan(y))
            apart = np.abs(np.where(same, 0.0, x.astype(float) - y.astype(float)))
            size = max(1.0, float(np.nanmax(np.abs(x), initial=0.0)))
            if not float(np.max(apart, initial=0.0)) <= limit * size:
                problems.append(f"output {k} differs by {np.max(apart):.3g} on {name} inputs")
            moved = moved or bool(np.ptp(x.astype(float), axis=0).max(initial=0.0) > 0)
    if not moved:
        problems.append("no output varies on any input: equality proves nothing")
    return problems


def _call(model: keras.Model, given: list[np.ndarray]) -> list[np.ndarray]:
    graph = getattr(model, "_functional", None) or model
    packed = keras.tree.pack_sequence_as(
        graph._inputs_struct,
        [
            keras.ops.convert_to_tensor(value, dtype=tensor.dtype)
            for value, tensor in zip(given, graph.inputs, strict=True)
        ],
    )
    outputs = keras.tree.flatten(model(packed, training=False))
    return [np.asarray(output) for output in outputs]
