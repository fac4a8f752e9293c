"""Predict a split with one compiled call a batch, in constant memory beside the outputs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from worker.engine.calling import Scale, Split, flat_inputs, output_names, pack_inputs, scaled
from worker.engine.profiling import examples_within, parameters

Predictions = np.ndarray | dict[str, np.ndarray]

# Compiled calls by model; few, since each keeps its model alive.
_COMPILED: OrderedDict[tuple[Any, ...], tuple[Any, Callable[..., Any]]] = OrderedDict()
_KEPT = 4
# From here on a model is large, and the only one kept.
_LARGE_PARAMETERS = 1 << 24
# What the activations of a call may take: of the usual one, and of a small net's, whose call would
# be over before Python has made the next.
_FEW, _FEW_BYTES = 256, 512 << 20
_MANY, _MANY_BYTES = 4096, 32 << 20
_SMALL_PARAMETERS = 1 << 20


def predict(
    model: keras.Model, split: Split, scale: Scale | None = None, batch: int | None = None
) -> Predictions:
    """Outputs over all examples, in order: an array, or a dict by output name if several.

    batch: examples at once; None: as many as keep the call small.
    """
    batch = batch or rows_per_call(model)
    inputs = flat_inputs(model, split.x)
    count = len(split)
    call = _compiled(model, scale)
    outputs: list[np.ndarray] | None = None
    for start in range(0, count, batch):
        rows = [tf.constant(array[start : start + batch]) for array in inputs]
        flat = [value.numpy() for value in call(rows)]
        if outputs is None:
            outputs = [np.empty((count, *value.shape[1:]), value.dtype) for value in flat]
        for whole, part in zip(outputs, flat, strict=True):
            whole[start : start + len(part)] = part
    if outputs is None:
        outputs = [np.empty((0, *(d or 0 for d in t.shape[1:])), np.float32) for t in model.outputs]
    if len(outputs) == 1:
        return outputs[0]
    return dict(zip(output_names(model), outputs, strict=True))


def rows_per_call(model: keras.Model) -> int:
    """Examples of one call, by what their activations take: 256, or up to 4,096 of a small net."""
    few = examples_within(model, _FEW_BYTES, _FEW)
    if parameters(model) > _SMALL_PARAMETERS:
        return few
    return max(few, examples_within(model, _MANY_BYTES, _MANY))


def _compiled(model: keras.Model, scale: Scale | None) -> Callable[..., Any]:
    factors = (1.0, 0.0) if scale is None else (scale.multiplier, scale.offset)
    key = (id(model), *factors)
    if key not in _COMPILED:

        @tf.function(reduce_retracing=True, autograph=False)
        def call(rows: list[Any]) -> list[Any]:
            inputs = pack_inputs(model, scaled(model, rows, scale))
            outputs = keras.tree.flatten(model(inputs, training=False))
            # NumPy has no bfloat16, and rounding has no place in a metric.
            return [tf.cast(o, tf.float32) if o.dtype.size == 2 else o for o in outputs]

        _COMPILED[key] = (model, call)
        kept = 1 if parameters(model) > _LARGE_PARAMETERS else _KEPT
        while len(_COMPILED) > kept:
            _COMPILED.popitem(last=False)
    _COMPILED.move_to_end(key)
    return _COMPILED[key][1]
