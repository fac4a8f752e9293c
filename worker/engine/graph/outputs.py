"""The layers whose kernels make the model's outputs."""

from __future__ import annotations

from typing import Any

import keras

from worker.engine.graph.walk import graph_of
from worker.engine.masks import layer_paths, prunable_keys


def output_layers(model: keras.Model) -> list[str]:
    """Paths of the last layers with a kernel before each output, in the order of the outputs."""
    functional = graph_of(model)
    if functional is None:
        return []
    paths = {id(layer): path for path, layer in layer_paths(model).items()}
    owners = {key.rsplit("/", 1)[0] for key in prunable_keys(model)}
    found: dict[str, None] = {}
    for tensor in functional.outputs:
        _search(tensor, paths, owners, found, set())
    return list(found)


def _search(
    tensor: Any, paths: dict[int, str], owners: set[str], found: dict[str, None], seen: set[int]
) -> None:
    operation, number, place = tensor._keras_history
    if operation is None or id(tensor) in seen:
        return
    seen.add(id(tensor))
    path = paths.get(id(operation), "")
    nested = graph_of(operation)
    if nested is not None:
        _search(nested.outputs[place], paths, owners, found, seen)
        return
    if path and any(owner == path or owner.startswith(f"{path}/") for owner in owners):
        found[path] = None
        return
    node = operation._inbound_nodes[number]
    if not node.is_input:
        for before in node.input_tensors:
            _search(before, paths, owners, found, seen)
