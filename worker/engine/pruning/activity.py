"""APoZ: how often a unit speaks at all (Hu et al., arXiv:1607.03250)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from worker.engine.masks import layer_paths
from worker.engine.pruning.context import Context


def share_of_activity(groups: Mapping[str, Any], context: Context) -> dict[str, np.ndarray]:
    """1 - APoZ: the share of a batch on which a unit is not zero, where its readers read it.

    A unit whose readers cannot be looked at (inside a nested model) scores 1: it is left alone.
    """
    if context.batch is None:
        raise ValueError("this criterion needs a batch")
    readers = {key: _readers(group, context.model) for key, group in groups.items()}
    layers = {layer for found in readers.values() for _, layer in found}
    if not layers:
        return {key: np.ones(group.units) for key, group in groups.items()}
    inputs = {layer: layer.input for layer in layers if isinstance(layer.input, keras.KerasTensor)}
    probe = keras.Model(context.model.inputs, list(inputs.values()))
    flat = keras.tree.flatten(context.batch[0])
    found = keras.tree.flatten(probe(flat if len(flat) > 1 else flat[0], training=False))
    active = {
        layer: np.mean(np.asarray(value) != 0, axis=tuple(range(value.ndim - 1)))
        for layer, value in zip(inputs, found, strict=True)
    }
    return {key: _mean(groups[key], readers[key], active) for key in groups}


def _readers(group: Any, model: Any) -> list[tuple[Any, Any]]:
    top = {path: layer for path, layer in layer_paths(model).items() if "/" not in path}
    found = []
    for slice_ in group.slices:
        layer = top.get(str(slice_.key).split("/", 1)[0])
        if slice_.role == "in" and layer is not None and not isinstance(layer, keras.Model):
            found.append((slice_, layer))
    return found


def _mean(
    group: Any, readers: list[tuple[Any, Any]], active: Mapping[Any, np.ndarray]
) -> np.ndarray:
    seen = [
        np.array([active[layer][np.asarray(slice_.index[u])].mean() for u in range(group.units)])
        for slice_, layer in readers
        if layer in active and active[layer].size > max(np.max(i) for i in slice_.index)
    ]
    return np.mean(seen, axis=0) if seen else np.ones(group.units)
