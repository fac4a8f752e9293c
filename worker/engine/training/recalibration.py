"""Estimate BatchNorm's moving statistics anew: after a cut, and for averaged weights, they lag."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from worker.engine.calling import Scale, Split, flat_inputs, pack_inputs, scaled
from worker.engine.training.state import generators


def recalibrate(
    model: keras.Model,
    split: Split,
    scale: Scale | None = None,
    *,
    batches: int = 50,
    batch: int = 128,
    seed: int = 0,
) -> bool:
    """Set the statistics to their mean over up to `batches` batches of `split`.

    Everything else stays as it was. Returns False where there is nothing to estimate.
    """
    layers = normalizations(model)
    if not layers or not len(split):
        return False
    batch = min(batch, len(split))
    order = np.random.default_rng(seed).permutation(len(split))
    inputs = flat_inputs(model, split.x)
    statistics = [s for layer in layers for s in (layer.moving_mean, layer.moving_variance)]
    sums = [np.zeros(tuple(s.shape), np.float64) for s in statistics]
    count = max(1, min(batches, len(split) // batch))
    with _measuring(model, layers) as forward:
        for index in range(count):
            rows = np.sort(order[index * batch : (index + 1) * batch])
            flat = [tf.constant(array[rows]) for array in inputs]
            forward(pack_inputs(model, scaled(model, flat, scale)))
            for total, statistic in zip(sums, statistics, strict=True):
                total += statistic.numpy()
    for total, statistic in zip(sums, statistics, strict=True):
        statistic.assign((total / count).astype(str(statistic.dtype)))
    return True


def normalizations(model: keras.Model) -> list[Any]:
    """The BatchNorm layers whose statistics move in training."""
    return [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization) and layer.built and layer.trainable
    ]


class _measuring:  # noqa: N801 - a context manager
    """Within it a training call leaves the batch's own statistics as the moving ones."""

    def __init__(self, model: keras.Model, layers: list[Any]) -> None:
        self._model, self._layers = model, layers

    def __enter__(self) -> Any:
        self._momenta = [layer.momentum for layer in self._layers]
        touched = {id(s) for y in self._layers for s in (y.moving_mean, y.moving_variance)}
        others = [v for v in self._model.non_trainable_variables if id(v) not in touched]
        self._others = [(v, v.numpy()) for v in [*others, *generators(self._model).values()]]
        for layer in self._layers:
            layer.momentum = 0.0
        # Traced here and dropped: the momentum is a constant of the graph.
        return tf.function(lambda x: self._model(x, training=True))

    def __exit__(self, *_: object) -> None:
        for layer, momentum in zip(self._layers, self._momenta, strict=True):
            layer.momentum = momentum
        for variable, value in self._others:
            variable.assign(value)
