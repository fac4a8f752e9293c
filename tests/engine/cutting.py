"""Cutting small nets in tests: random weights, a half of every group, and the masked twin."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from worker.engine.compaction import masked
from worker.engine.compaction.rebuild import Compacted, compact
from worker.engine.graph import Graph, analyse


def randomise(model: keras.Model, seed: int = 0) -> keras.Model:
    """Random weights, biases and statistics: a net of zeros and ones hides mistakes."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if "float" in variable.dtype:
            noise = rng.normal(size=variable.shape) * 0.4
            positive = "variance" in variable.name or variable.name == "gamma"
            variable.assign(np.abs(noise) + 0.5 if positive else noise)
    return model


def half(graph: Graph, seed: int = 0) -> dict[str, np.ndarray]:
    """A random half of every group."""
    rng = np.random.default_rng(seed)
    return {
        name: np.sort(rng.permutation(group.units)[: max(1, group.units // 2)])
        for name, group in graph.groups.items()
    }


def inputs(model: keras.Model, seed: int = 0) -> list[np.ndarray]:
    """Four examples for every input; whole numbers from 0 to 4."""
    rng = np.random.default_rng(seed)
    found = []
    for tensor in model.inputs:
        shape = (tensor.shape[0] or 4, *(size or 9 for size in tensor.shape[1:]))
        drawn = rng.normal(size=shape) if "float" in tensor.dtype else rng.integers(0, 5, shape)
        found.append(drawn.astype(tensor.dtype))
    return found


def outputs(model: keras.Model, given: list[np.ndarray]) -> list[np.ndarray]:
    """Flat outputs for flat inputs."""
    packed: Any = (
        given[0]
        if isinstance(model, keras.Sequential)
        else keras.tree.pack_sequence_as(model.input, given)
    )
    return [np.asarray(value, dtype=np.float64) for value in keras.tree.flatten(model(packed))]


def cut(model: keras.Model, *, tolerance: float = 1e-5) -> tuple[Graph, Compacted]:
    """Remove a half of every group and insist that the masked model computes the same."""
    graph = analyse(model)
    found = compact(model, graph, half(graph))
    full = masked.scatter(model, found.model, found.keep, rescaled=found.rescaled)
    given = inputs(model)
    for one, other in zip(outputs(full, given), outputs(found.model, given), strict=True):
        assert one.std() > 0
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
    return graph, found
