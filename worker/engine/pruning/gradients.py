"""Criteria that ask the network itself: SNIP, GraSP, SynFlow, first-order Taylor.

All differentiate at inference mode, so dropout draws nothing and batch statistics stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from worker.engine.arrays import Arrays
from worker.engine.calling import pack_inputs
from worker.engine.masks import variable_keys
from worker.engine.pruning.context import Context


def snip(context: Context) -> Arrays:
    """|g * w|: connection sensitivity (Lee et al., arXiv:1810.02340)."""
    return {key: np.abs(product) for key, product in _gradient_times_weight(context).items()}


def taylor(context: Context) -> Arrays:
    """(g * w)^2: squared first-order change of the loss (Molchanov et al., arXiv:1906.10771)."""
    return {key: product**2 for key, product in _gradient_times_weight(context).items()}


def signed_taylor(context: Context) -> Arrays:
    """g * w with its sign, which a unit sums before it squares."""
    return _gradient_times_weight(context)


def grasp(context: Context) -> Arrays:
    """w * Hg: what removal would do to the gradient's norm (Wang et al., arXiv:2002.07376).

    The paper removes the highest -w * Hg, so importance is its negative.
    """
    variables = _variables(context)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            loss = _loss(context)
        first = [_dense(g) for g in inner.gradient(loss, variables)]
        flow = tf.add_n([tf.reduce_sum(tf.stop_gradient(g) * g) for g in first if g is not None])
    second = outer.gradient(flow, variables)
    return {
        key: _numpy(g, context.values[key]) * context.values[key]
        for key, g in zip(context.keys, second, strict=True)
    }


def synflow(context: Context) -> Arrays:
    """|w| * dR/d|w|, R the output of the all-positive net on ones (Tanaka, arXiv:2006.05467).

    Needs no data. The last activation is taken off (a softmax sums to 1 whatever feeds it).
    """
    variables = _variables(context)
    saved = {key: np.array(v) for key, v in variable_keys(context.model).items()}
    try:
        for key, variable in variable_keys(context.model).items():
            if np.issubdtype(
                np.dtype(keras.backend.standardize_dtype(variable.dtype)), np.floating
            ):
                variable.assign(np.abs(saved[key]))
        with _without_last_activation(context.model), tf.GradientTape() as tape:
            ones = [
                tf.ones([1, *(d or 1 for d in i.shape[1:])], i.dtype) for i in context.model.inputs
            ]
            outputs = context.model(pack_inputs(context.model, ones))
            total = tf.add_n(
                [tf.reduce_sum(tf.cast(o, "float32")) for o in keras.tree.flatten(outputs)]
            )
        found = tape.gradient(total, variables)
    finally:
        for key, variable in variable_keys(context.model).items():
            variable.assign(saved[key])
    return {
        key: np.abs(_numpy(g, context.values[key]) * context.values[key])
        for key, g in zip(context.keys, found, strict=True)
    }


def _gradient_times_weight(context: Context) -> Arrays:
    if "gradient" not in context.cache:
        with tf.GradientTape() as tape:
            loss = _loss(context)
        found = tape.gradient(loss, _variables(context))
        context.cache["gradient"] = {
            key: _numpy(g, context.values[key]) for key, g in zip(context.keys, found, strict=True)
        }
    return {key: g * context.values[key] for key, g in context.cache["gradient"].items()}


def _loss(context: Context) -> Any:
    if context.batch is None or context.loss is None:
        raise ValueError("this criterion needs a batch with labels and a loss")
    inputs, labels = context.batch
    return context.loss(labels, context.model(inputs, training=False))


def _variables(context: Context) -> list[Any]:
    table = variable_keys(context.model)
    return [table[key].value for key in context.keys]


def _dense(gradient: Any) -> Any:
    return tf.convert_to_tensor(gradient) if isinstance(gradient, tf.IndexedSlices) else gradient


def _numpy(gradient: Any, like: np.ndarray) -> np.ndarray:
    """A gradient as an array; a weight the loss does not reach has gradient 0."""
    return np.zeros_like(like) if gradient is None else np.asarray(_dense(gradient))


@contextmanager
def _without_last_activation(model: Any) -> Iterator[None]:
    """Make the producers of the outputs linear for a while."""
    producers = {id(t._keras_history.operation): t._keras_history.operation for t in model.outputs}
    changed = [
        (layer, layer.activation) for layer in producers.values() if hasattr(layer, "activation")
    ]
    for layer, _ in changed:
        layer.activation = keras.activations.linear
    try:
        yield
    finally:
        for layer, activation in changed:
            layer.activation = activation
