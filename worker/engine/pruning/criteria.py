"""Scores of single weights. One small protocol: a criterion is `score(context) -> {key: array}`.

Higher is more important. Every array has the shape of its weight; keys are those of
`worker.engine.masks`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from worker.engine.arrays import Arrays
from worker.engine.pruning.context import Context

Criterion = Callable[[Context], Arrays]


def magnitude(context: Context) -> Arrays:
    """|w| at the end of training (Frankle & Carbin 2019)."""
    return {key: np.abs(context.values[key]) for key in context.keys}


def movement(context: Context) -> Arrays:
    """|w_final - w_initial|: how far training moved a weight (Zhou et al., arXiv:1905.01067)."""
    start = context.initial
    if start is None:
        return magnitude(context)
    return {key: np.abs(context.values[key] - start[key]) for key in context.keys}


def random(context: Context) -> Arrays:
    """Uniform draws: the criterion every other must beat."""
    generator = np.random.default_rng(context.seed)
    return {key: generator.random(context.values[key].shape) for key in sorted(context.keys)}


def of(name: str) -> Criterion:
    """The weight criterion of a recipe's `criterion.name`."""
    from worker.engine.pruning import gradients  # TensorFlow is loaded only by those who need it

    table: dict[str, Criterion] = {
        "magnitude": magnitude,
        "threshold": magnitude,
        "movement": movement,
        "random": random,
        "snip": gradients.snip,
        "grasp": gradients.grasp,
        "synflow": gradients.synflow,
        "taylor": gradients.taylor,
    }
    return table[name]
