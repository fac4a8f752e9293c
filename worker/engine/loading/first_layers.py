"""What a model does with its inputs first: scale them, or look their numbers up in a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

# By arithmetic too: old models divide and subtract where newer ones have a layer. What looks its
# input up (words, categories) takes the numbers as they are, and would be ruined by scaling.
_SCALING = (
    *("Rescaling", "Normalization", "Divide", "TrueDivide", "Multiply", "Subtract"),
    *("Embedding", "CategoryEncoding", "Discretization", "IntegerLookup", "Hashing"),
)
# Layers that leave numbers as they are, between an input and the layer that may scale it.
_PASSIVE = (
    *("InputLayer", "Reshape", "ExpandDims", "ZeroPadding2D", "ZeroPadding1D", "Permute"),
    *("Resizing", "Cast", "GetItem", "Stack", "Concatenate", "Identity", "GaussianNoise"),
)
# Those of them after which each number is still the one that was given.
_UNTOUCHED = ("InputLayer", "Reshape", "ExpandDims", "Permute", "Identity")


def scales_inputs(model: keras.Model) -> bool:
    """Tell whether every input is rescaled, normalised or looked up before anything else."""
    return all(_is_scaled(model, tensor) for tensor in model.inputs)


def _is_scaled(model: keras.Model, tensor: Any) -> bool:
    first = _first(model, tensor, _PASSIVE)
    return any(type(operation).__name__ in _SCALING for operation in first)


def table_size(model: keras.Model, tensor: Any) -> int | None:
    """How many entries the (smallest) table has that an input's numbers are looked up in."""
    sizes = [
        int(operation.input_dim)
        for operation in _first(model, tensor, _UNTOUCHED)
        if isinstance(operation, keras.layers.Embedding)
    ]
    return min(sizes, default=None)


def _first(model: keras.Model, tensor: Any, passive: tuple[str, ...]) -> Iterator[Any]:
    """The operations that a tensor meets first, those of nested models too, past passive ones."""
    frontier, seen = [tensor], set()
    while frontier:
        current = frontier.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        for node in _readers(model, current):
            operation = node.operation
            kind = type(operation).__name__
            if isinstance(operation, keras.Model):
                for outer, inner in zip(node.input_tensors, operation.inputs, strict=True):
                    if outer is current:
                        yield from _first(operation, inner, passive)
            elif kind in passive or kind.startswith("Random"):
                frontier.extend(node.output_tensors)
            else:
                yield operation


def _readers(model: keras.Model, tensor: Any) -> list[Any]:
    graph = model._functional if isinstance(model, keras.Sequential) else model
    return [
        node
        for operation in graph.operations
        for node in operation._inbound_nodes
        if any(tensor is one for one in node.input_tensors)
    ]
