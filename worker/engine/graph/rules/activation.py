"""Activations: which act on each value by itself, and which of those keep zero at zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from worker.engine.graph.flow import Axis
from worker.engine.graph.tracer import Tracer

_CHANNELS = 6
_ANSWERS: dict[str, bool] = {}


def elementwise(function: Callable[[Any], Any] | None) -> bool:
    """Whether each output value depends on the input value at its own place alone."""
    return _answer(function, "elementwise", _acts_alone)


def keeps_zero(function: Callable[[Any], Any] | None) -> bool:
    """Whether f(0) is exactly 0."""
    return _answer(function, "zero", _zero_stays)


def _answer(function: Any, question: str, ask: Callable[[Any], bool]) -> bool:
    """Ask once for each of Keras' own functions, and for each configuration of a layer."""
    if function is None or function is keras.activations.linear:
        return True
    if isinstance(function, keras.Layer):
        config = {k: v for k, v in function.get_config().items() if k != "name"}
        key = f"{question} {type(function).__name__} {config}"
    elif str(getattr(function, "__module__", "")).startswith("keras."):
        key = f"{question} {getattr(function, '__qualname__', '')} {id(function)}"
    else:
        return ask(function)
    if key not in _ANSWERS:
        _ANSWERS[key] = ask(function)
    return _ANSWERS[key]


def _acts_alone(function: Callable[[Any], Any]) -> bool:
    """Decided by trying: on every subset of channels the function must give what it gives on all.

    Softmax and its kind fail; a gated unit changes the shape and fails.
    """
    generator = np.random.default_rng(0)
    for scale, shift in ((1.0, 0.0), (4.0, 0.0), (1.0, 3.0), (1.0, -3.0), (0.01, 0.0)):
        x = generator.standard_normal((3, _CHANNELS)) * scale + shift
        whole = _call(function, x)
        if whole is None or whole.shape != x.shape:
            return False
        for kept in ([0, 2, 3], [1], [0, 1, 2, 3, 4], [5, 2]):
            part = _call(function, x[:, kept])
            if part is None or not np.allclose(part, whole[:, kept], rtol=1e-5, atol=1e-7):
                return False
    return True


def _zero_stays(function: Callable[[Any], Any]) -> bool:
    value = _call(function, np.zeros((1, _CHANNELS)))
    return value is not None and not value.any()


def after(
    tracer: Tracer, layer: Any, function: Callable[[Any], Any] | None, axes: dict[int, Axis]
) -> dict[int, Axis]:
    """The axes of a tensor after an activation; one that mixes values freezes them all."""
    if elementwise(function):
        return {a: value.through(keeps_zero(function)) for a, value in axes.items()}
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
