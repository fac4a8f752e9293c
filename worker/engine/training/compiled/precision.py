"""Compute in another precision for a while: weights stay as they are, arithmetic changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from worker.engine.calling import functional


@contextmanager
def computed_in(model: keras.Model, precision: str) -> Iterator[None]:
    """Set every inner layer's dtype policy, but leave what makes the outputs in float32.

    Layers whose variables are not float32 keep their policy: they were made for it.
    """
    if precision == "from model":
        yield
        return
    policy = keras.dtype_policies.get(precision)
    full = keras.dtype_policies.get("float32")
    last = {id(tensor._keras_history.operation) for tensor in functional(model).outputs}
    changed: list[tuple[Any, Any]] = []
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, keras.Model) or layer.variable_dtype != "float32":
            continue
        changed.append((layer, layer.dtype_policy))
        layer.dtype_policy = full if id(layer) in last else policy
    try:
        yield
    finally:
        for layer, before in changed:
            layer.dtype_policy = before
