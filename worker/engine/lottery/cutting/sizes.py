"""Sizes of a compact network before it is built: parameters and density from the kept units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from worker.engine.graph import Graph, Kept

Shapes = Mapping[str, tuple[int, ...]]


def compact_shapes(graph: Graph, shapes: Shapes, kept: Kept) -> dict[str, list[int]]:
    """Shape of every variable when only `kept` units stay."""
    result = {key: list(shape) for key, shape in shapes.items()}
    for key, axes in graph.keep(kept).items():
        for axis, indices in axes.items():
            result[key][axis] = len(indices)
    return result


def parameters(shapes: Mapping[str, Iterable[int]]) -> int:
    """All weights, biases and normalisation included."""
    return sum(int(np.prod(list(shape), dtype=np.int64)) for shape in shapes.values())


def density(shapes: Mapping[str, Iterable[int]], full: Shapes, keys: Iterable[str]) -> float:
    """Live kernel weights over all prunable kernel weights of the dense model."""
    chosen = list(keys)
    whole = parameters({key: full[key] for key in chosen})
    return parameters({key: shapes[key] for key in chosen}) / whole if whole else 1.0
