"""Fresh weights for an architecture: the dense model's first draw, or a control's own."""

from __future__ import annotations

from typing import Any

import keras

from worker.engine.masks import layer_paths, variable_keys

# Learned from data before training, or drawn once and never trained: not ours to draw again.
_STATISTICS = ("moving_mean", "moving_variance")


def reinitialize(model: keras.Model, seed: int) -> None:
    """Draw all weights of `model` anew, in place, each from its own initializer at its own shape.

    Weights that are never trained (a frozen backbone, an adapted Normalization) keep their values;
    BatchNorm's moving statistics start over.
    """
    keras.utils.set_random_seed(seed)
    drawn = type(model).from_config(_without_seeds(model.get_config(), seed))
    fresh = variable_keys(drawn)
    trainable = {id(v) for v in model.trainable_variables}
    for key, variable in variable_keys(model).items():
        moves = id(variable) in trainable or key.rsplit("/", 1)[-1] in _STATISTICS
        if moves and _trains(model, key):
            variable.assign(fresh[key])


def _trains(model: keras.Model, key: str) -> bool:
    """Statistics of a frozen layer stay as they are."""
    layer = layer_paths(model).get(key.rsplit("/", 1)[0])
    return layer is None or bool(layer.trainable)


def _without_seeds(config: Any, seed: int) -> Any:
    """The same configuration with fixed initializer seeds replaced: a redraw must not repeat."""
    if isinstance(config, list):
        return [_without_seeds(item, seed + n) for n, item in enumerate(config)]
    if not isinstance(config, dict):
        return config
    changed = {key: _without_seeds(value, seed) for key, value in config.items()}
    inner = changed.get("config")
    if changed.get("module") != "keras.initializers" or not isinstance(inner, dict):
        return changed
    if inner.get("seed") is not None:
        changed["config"] = {**inner, "seed": seed}
    return changed
