"""The layers whose kernels make the model's outputs."""

from __future__ import annotations

from typing import Any

import keras

from worker.engine.graph.walk import graph_of
from worker.engine.masks import layer_paths, prunable_keys

# Operations that move values to other places, and leave them as they are.
_MOVING = ("Concatenate", "Flatten", "Permute", "Reshape", "Stack", "Transpose")


def output_layers(model: keras.Model, *, unmixed: bool = False) -> list[str]:
    """Paths of the last layers with a kernel before each output, in the order of the outputs.

    unmixed: only those whose units are the outputs themselves, each at some place of its own.
    """
    functional = graph_of(model)
    if functional is None:
        return []
    search = _Search(model, unmixed)
    for tensor in functional.outputs:
        search.back(tensor)
    return list(search.found)


class _Search:
    """From outputs back to the first layers with a kernel."""

    def __init__(self, model: keras.Model, unmixed: bool) -> None:
        self.found: dict[str, None] = {}
        self._unmixed = unmixed
        self._paths = {id(layer): path for path, layer in layer_paths(model).items()}
        self._owners = {key.rsplit("/", 1)[0] for key in prunable_keys(model)}
        self._seen: set[int] = set()

    def back(self, tensor: Any) -> None:
        """Follow a tensor to what made it."""
        operation, number, place = tensor._keras_history
        if operation is None or id(tensor) in self._seen:
            return
        self._seen.add(id(tensor))
        path = self._paths.get(id(operation), "")
        nested = graph_of(operation)
        if nested is not None:
            self.back(nested.outputs[place])
            return
        if path and any(o == path or o.startswith(f"{path}/") for o in self._owners):
            self.found[path] = None
            return
        node = operation._inbound_nodes[number]
        for before in () if node.is_input else node.input_tensors:
            moved = type(operation).__name__ in _MOVING or before.shape == tensor.shape
            if moved or not self._unmixed:
                self.back(before)
