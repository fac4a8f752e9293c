"""Activations: which act on each value by itself, and which of those keep zero at zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from worker.engine.graph.flow import Axis
from worker.engine.graph.tracer import Tracer

_CHANNELS = 6


def elementwise(function: Callable[[Any], Any] | None) -> bool:
    """Whether each output value depends on the input value at its own place alone.

    Decided by trying, in float64: on every subset of channels the function must give exactly what
    it gives on all. Softmax and its kind fail; a gated unit changes the shape and fails.
    """
    if function is None or function is keras.activations.linear:
        return True
    generator = np.random.default_rng(0)
    for scale, shift in ((1.0, 0.0), (4.0, 0.0), (1.0, 3.0), (1.0, -3.0), (0.01, 0.0)):
        x = generator.standard_normal((3, _CHANNELS)) * scale + shift
        whole = _call(function, x)
        if whole is None or whole.shape != x.shape:
            return False
        for kept in ([0, 2, 3], [1], [0, 1, 2, 3, 4], [5, 2]):
            part = _call(function, x[:, kept])
            if part is None or not np.allclose(part, whole[:, kept], rtol=1e-12, atol=1e-12):
                return False
    return True


def keeps_zero(function: Callable[[Any], Any] | None) -> bool:
    """Whether f(0) is exactly 0."""
    if function is None or function is keras.activations.linear:
        return True
    value = _call(function, np.zeros((1, _CHANNELS)))
    return value is not None and not value.any()


def after(
    tracer: Tracer, layer: Any, function: Callable[[Any], Any] | None, axes: dict[int, Axis]
) -> dict[int, Axis]:
    """The axes of a tensor after an activation; one that mixes values freezes them all."""
    if elementwise(function):
        return {a: value.with_zero(keeps_zero(function)) for a, value in axes.items()}
    name = getattr(function, "__name__", type(function).__name__)
    reason = tracer.why(layer, f"Its activation {name} mixes channels, so each depends on all.")
    for value in axes.values():
        tracer.ids.freeze(value.ids, reason)
    return {}


def _call(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray | None:
    try:
        return np.asarray(keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(x))))
    except (TypeError, ValueError, RuntimeError):
        return None
