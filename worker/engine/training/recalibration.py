"""Estimate BatchNorm's moving statistics anew: after a cut, and for averaged weights, they lag."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from worker.engine.calling import Scale, Split, flat_inputs, pack_inputs, scaled
from worker.engine.training.state import generators

# Compiled calls by model; few, since each keeps its model alive.
_COMPILED: OrderedDict[int, tuple[Any, Callable[[Any], Any]]] = OrderedDict()
_KEPT = 4


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


@contextmanager
def _measuring(model: keras.Model, layers: list[Any]) -> Iterator[Callable[[Any], Any]]:
    """A training call that leaves the batch's own statistics as the moving ones, no more."""
    touched = {id(s) for layer in layers for s in (layer.moving_mean, layer.moving_variance)}
    others = [v for v in model.non_trainable_variables if id(v) not in touched]
    before = [(v, v.numpy()) for v in [*others, *generators(model).values()]]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield _compiled(model)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        for variable, value in before:
            variable.assign(value)


def _compiled(model: keras.Model) -> Callable[[Any], Any]:
    """The call, traced while the momentum, a constant of the graph, is 0."""
    if id(model) not in _COMPILED:
        _COMPILED[id(model)] = (model, tf.function(lambda x: model(x, training=True)))
        while len(_COMPILED) > _KEPT:
            _COMPILED.popitem(last=False)
    _COMPILED.move_to_end(id(model))
    return _COMPILED[id(model)][1]
