"""Small nets and data for the tests of training."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np


@dataclass
class Arrays:
    """A split in memory."""

    x: dict[str, np.ndarray]
    y: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(next(iter(self.x.values())))


@dataclass
class Scaled:
    multiplier: float = 1.0
    offset: float = 0.0
    turns: bool = False


def blobs(count: int = 70, features: int = 6, classes: int = 3, seed: int = 0) -> Arrays:
    """Classes that a small net can tell apart."""
    draw = np.random.default_rng(seed)
    y = np.arange(count) % classes
    centres = np.random.default_rng(99).normal(size=(classes, features)) * 2
    x = centres[y] + draw.normal(size=(count, features))
    return Arrays({"x": x.astype(np.float32)}, {"y": y.astype(np.int64)})


def mlp(seed: int = 0, *, features: int = 6, hidden: int = 8, classes: int = 3) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((features,), name="x"),
            keras.layers.Dense(hidden, activation="relu", name="hidden"),
            keras.layers.Dense(classes, activation="softmax", name="output"),
        ]
    )


def rich(seed: int = 0, *, dropout: float = 0.3) -> keras.Model:
    """BatchNorm, dropout, a regularizer, an activity regularizer and a constraint in one net."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((6,), name="x"),
            layers.Dense(8, kernel_regularizer="l2", name="hidden"),
            layers.BatchNormalization(momentum=0.9, name="norm"),
            layers.Activation("relu", name="relu"),
            layers.Dropout(dropout, name="drop"),
            layers.Dense(
                6,
                activation="relu",
                kernel_constraint=keras.constraints.MaxNorm(0.7),
                activity_regularizer="l1",
                name="bound",
            ),
            layers.Dense(3, activation="softmax", name="output"),
        ]
    )


def weights(model: keras.Model) -> list[np.ndarray]:
    return [variable.numpy() for variable in model.weights]


def half_masks(model: keras.Model, seed: int = 5) -> dict[str, np.ndarray]:
    """A random half of every kernel."""
    from worker.engine import masks

    draw = np.random.default_rng(seed)
    variables = masks.variable_keys(model)
    return {key: draw.random(variables[key].shape) < 0.5 for key in masks.prunable_keys(model)}
