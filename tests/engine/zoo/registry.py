"""The register of topologies: small nets that break pruners which do not see the whole graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

Build = Callable[[], keras.Model]


@dataclass(frozen=True)
class Topology:
    """shrinks: something can be removed from it, and must be. words: whole-number inputs below."""

    name: str
    build: Build
    shrinks: bool
    words: int


ZOO: dict[str, Topology] = {}


def topology(
    *, shrinks: bool = True, words: int = 2
) -> Callable[[Callable[[], keras.Model]], Build]:
    """Enter a builder into the zoo under its own name."""

    def enter(build: Build) -> Build:
        assert build.__name__ not in ZOO, build.__name__
        ZOO[build.__name__] = Topology(build.__name__, build, shrinks, words)
        return build

    return enter


def randomise(model: keras.Model, seed: int = 0) -> keras.Model:
    """Random weights, biases and statistics: a net of zeros and ones hides mistakes."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if "float" not in str(variable.dtype):
            continue
        if variable.name in ("moving_variance", "variance"):
            value = rng.uniform(0.5, 1.5, variable.shape)
        elif variable.name in ("gamma", "scale"):
            value = rng.uniform(0.5, 1.5, variable.shape) * rng.choice((-1, 1), variable.shape)
        else:
            inputs = int(np.prod(variable.shape[:-1])) if len(variable.shape) > 1 else 4
            value = rng.normal(size=variable.shape) * (2 / max(inputs, 1)) ** 0.5
        variable.assign(value)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.Normalization) and layer.built and layer.input_mean is None:
            layer.finalize_state()
    return model


def image(size: int = 8, channels: int = 3, **kwargs: Any) -> Any:
    return keras.Input((size, size, channels), **kwargs)


def sequence(steps: int | None = 6, width: int = 5, **kwargs: Any) -> Any:
    return keras.Input((steps, width), **kwargs)


def vector(width: int = 6, **kwargs: Any) -> Any:
    return keras.Input((width,), **kwargs)


def classified(inputs: Any, features: Any, classes: int = 3) -> keras.Model:
    """Flatten what there is and end in logits: a saturated softmax would hide differences."""
    if len(features.shape) > 2:
        features = layers.Flatten()(features)
    return keras.Model(inputs, layers.Dense(classes, name="logits")(features))


def pooled(inputs: Any, features: Any, classes: int = 3) -> keras.Model:
    """The same behind a pooling over all places."""
    rank = len(features.shape)
    pool = {3: layers.GlobalAveragePooling1D, 4: layers.GlobalAveragePooling2D}.get(
        rank, layers.GlobalAveragePooling3D
    )
    return keras.Model(inputs, layers.Dense(classes, name="logits")(pool()(features)))
