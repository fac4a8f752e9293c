"""Class weights, turned into a weight of each example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def balanced(counts: Sequence[int]) -> dict[int, float]:
    """Weights that give every class the same say: examples / (classes * count)."""
    present = [count for count in counts if count > 0]
    total = sum(present)
    return {i: total / (len(present) * count) for i, count in enumerate(counts) if count > 0}


def class_weights(
    labels: list[np.ndarray], weights: Mapping[int, float] | None
) -> np.ndarray | None:
    """Float32 weight of each example by its class (first output); a class not named weighs 1."""
    if not weights or not labels:
        return None
    y = labels[0]
    if y.ndim > 1 and y.shape[-1] > 1:
        classes = y.argmax(axis=-1)
    else:
        classes = np.rint(y).astype(np.int64).reshape(y.shape[:1] if y.ndim < 3 else y.shape[:-1])
    table = np.ones(int(max(classes.max(), *weights)) + 1, np.float32)
    for index, weight in weights.items():
        table[int(index)] = weight
    return table[classes]
