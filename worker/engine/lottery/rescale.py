"""Rewound kernels at the small net's own scale.

A kept unit carries the wide net's smaller Glorot scale; multiplying rewound kernels up to what the
small net would have drawn helped in 6 of 6 paired runs (engine.md, section 4).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras.src.initializers.random_initializers import compute_fans

from worker.engine.masks import layer_paths, variable_keys

_KERNELS = {
    "kernel": "kernel_initializer",
    "depthwise_kernel": "depthwise_initializer",
    "pointwise_kernel": "pointwise_initializer",
    "recurrent_kernel": "recurrent_initializer",
}


def rescale_init(compact: keras.Model, full_shapes: dict[str, tuple[int, ...]]) -> dict[str, float]:
    """Scale the kernels of `compact` in place; returns the factor of every kernel that changed.

    Args:
        compact: the compact network holding rewound weights.
        full_shapes: shape of every variable in the full-size network, by key.
    """
    factors: dict[str, float] = {}
    owners = layer_paths(compact)
    for key, variable in variable_keys(compact).items():
        name = key.rsplit("/", 1)[-1]
        layer = owners.get(key.rsplit("/", 1)[0])
        initializer = getattr(layer, _KERNELS.get(name, ""), None)
        shape, full = tuple(variable.shape), full_shapes.get(key)
        if full is None or full == shape or initializer is None:
            continue
        factor = _spread(initializer, shape) / _spread(initializer, full)
        if factor != 1.0:
            variable.assign(np.asarray(variable) * np.asarray(factor, variable.dtype))
            factors[key] = factor
    return factors


def _spread(initializer: Any, shape: tuple[int, ...]) -> float:
    """Standard deviation of a variance-scaling draw, up to a constant; 1 for all others."""
    if not isinstance(initializer, keras.initializers.VarianceScaling):
        return 1.0
    fan_in, fan_out = compute_fans(shape)
    fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
    return float(1 / np.sqrt(max(1.0, fans[initializer.mode])))
