"""Copying weights into the smaller model: sub-tensors, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from prunery.specs.errors import PruneryError
from worker.engine.graph import Graph, Kept
from worker.engine.masks import variable_keys, view

Keep = Mapping[str, Mapping[int, np.ndarray]]


def cut_array(array: np.ndarray, axes: Mapping[int, np.ndarray]) -> np.ndarray:
    """`array[np.ix_(...)]` over the axes that shrink."""
    for axis, indices in axes.items():
        array = np.take(array, indices, axis=axis)
    return array


def copy_weights(
    model: keras.Model, smaller: keras.Model, graph: Graph, kept: Kept, keep: Keep
) -> dict[str, float]:
    """Fill the smaller model; returns the factor of every variable that was rescaled."""
    old, new = variable_keys(model), variable_keys(smaller)
    if list(old) != list(new):
        strange = sorted(set(old) ^ set(new))[:5]
        raise PruneryError("not_proven", f"variables differ after rebuilding: {strange}")
    factors = rescaling(graph, kept)
    for key, variable in new.items():
        value = cut_array(view(old[key]), keep.get(key, {}))
        if key in factors:
            value = (value.astype(np.float64) * factors[key]).astype(value.dtype)
        if tuple(value.shape) != tuple(variable.shape):
            detail = f"{key} has shape {tuple(variable.shape)} where {value.shape} is needed"
            raise PruneryError("not_proven", detail)
        variable.assign(value)
    return factors


def copy_states(model: keras.Model, smaller: keras.Model) -> None:
    """Carry over what is not a weight: trainable flags, random generators, frozen statistics."""
    before, after = list(model._flatten_layers()), list(smaller._flatten_layers())
    if [type(old) for old in before] != [type(new) for new in after]:
        raise PruneryError("not_proven", "layers differ after rebuilding")
    for old, new in zip(before, after, strict=True):
        _flags(old, new)
        for one, other in zip(old._seed_generators, new._seed_generators, strict=False):
            other.state.assign(one.state.value)


def _flags(old: Any, new: Any) -> None:
    new._trainable = old._trainable
    for one, other in zip(old._trainable_variables, new._trainable_variables, strict=False):
        other.trainable = one.trainable


def rescaling(graph: Graph, kept: Kept) -> dict[str, float]:
    """The factor of every variable that a cut rescales."""
    cut = graph.cut(kept)
    factors = {}
    for key_id, rescale in graph.record.rescales.items():
        share = len(cut.keep(rescale.ids)) / len(rescale.ids)
        if share != 1.0 and key_id in graph.keys:
            factors[graph.keys[key_id]] = float(share**rescale.power)
    return factors
