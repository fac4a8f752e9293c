"""Class weights, turned into a weight of each example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

ByClass = Mapping[int, float]


def balanced(counts: Sequence[int]) -> dict[int, float]:
    """Weights that give every class the same say: examples / (classes * count)."""
    present = [count for count in counts if count > 0]
    total = sum(present)
    return {i: total / (len(present) * count) for i, count in enumerate(counts) if count > 0}


def class_weights(
    labels: list[np.ndarray], weights: Sequence[ByClass | None] | None
) -> np.ndarray | None:
    """Float32 weight of each example by its class; a class not named weighs 1.

    labels, weights: one of each output. Returns (N,) for one output, (N, outputs) for several (each
    example then weighs for each output what its class there says), None without weights.
    """
    if not weights or not labels or not any(weights):
        return None
    found = [_of_one(y, by_class) for y, by_class in zip(labels, weights, strict=True)]
    return found[0] if len(found) == 1 else np.stack(found, axis=1)


def _of_one(y: np.ndarray, by_class: ByClass | None) -> np.ndarray:
    if not by_class:
        return np.ones(len(y), np.float32)
    if y.ndim > 1 and y.shape[-1] > 1:
        classes = y.argmax(axis=-1)
    else:
        classes = np.rint(y).astype(np.int64).reshape(y.shape[:1] if y.ndim < 3 else y.shape[:-1])
    table = np.ones(int(max(classes.max(), *by_class)) + 1, np.float32)
    for index, weight in by_class.items():
        table[int(index)] = weight
    return table[classes]
