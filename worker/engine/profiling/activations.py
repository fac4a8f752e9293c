"""How many examples at once a model's activations leave room for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import keras

# Stands for a dimension that the model leaves open.
FREE_DIMENSION = 32
# Tensors as large as the largest that live at one time: an operation's inputs, outputs, and what
# it needs in between.
_ALIVE = 4


def examples_within(
    model: keras.Model, budget_bytes: int, most: int, *, value_bytes: int = 4
) -> int:
    """The largest power of two, from 1 to `most`, whose activations fit into `budget_bytes`."""
    one = largest_activation(model) * value_bytes * _ALIVE
    fitting = max(1, budget_bytes // max(one, 1))
    return most if fitting >= most else 1 << (fitting.bit_length() - 1)


def largest_activation(model: keras.Model) -> int:
    """Numbers that the largest tensor between two operations holds for one example."""
    return max(math.prod(size or FREE_DIMENSION for size in s[1:]) for s in _shapes(model))


def _shapes(model: keras.Model) -> Iterator[tuple[int | None, ...]]:
    graph: Any = getattr(model, "_functional", None) or model
    for nodes in graph._nodes_by_depth.values():
        for node in nodes:
            yield from (tuple(tensor.shape) for tensor in node.output_tensors)
            if isinstance(node.operation, keras.Model):
                yield from _shapes(node.operation)
