"""The graph of a functional model as Keras 2 wrote it, put into the form that Keras 3 reads.

a call   [["dense", 0, 0, {"training": false}]]      args and kwargs, tensors by their history
index    a nested model's first call counted as 1    counted as 0
name     may hold a slash ("Conv/BatchNorm")         may not: written with "_"
state    [["x", 0, 0], ["h", 0, 1], ["h", 0, 2]]     initial_state, by name
tf.add   a layer TFOpLambda                          the operation of keras.ops
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prunery.screening.legacy import ops

MODELS = ("Functional", "Model", "Sequential")
RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM2D")
_ENDS = ("input_layers", "output_layers")


def translate(config: dict[str, Any]) -> dict[str, Any]:
    """The `config` of a functional model whose layers hold calls as lists."""
    layers = config.get("layers")
    if not isinstance(layers, list) or not all(_is_layer(layer) for layer in layers):
        return config
    graph = _Graph(layers)
    ends = {key: graph.ends(_unwrapped(config[key])) for key in _ENDS if key in config}
    made = [(layer, graph.layer(layer)) for layer in layers]
    return {**config, "layers": _without_shapes(made, ends), **ends}


def _without_shapes(made: list[tuple[Any, Any]], ends: dict[str, Any]) -> list[dict[str, Any]]:
    """The translated layers, without `tf.shape` and the like that nothing reads any more."""
    while True:
        used = {name for _, new in made for name in _names_read(new.get("inbound_nodes"))}
        used |= _names_read(ends)
        kept = [(old, new) for old, new in made if new["name"] in used or not ops.is_shape(old)]
        if len(kept) == len(made):
            return [new for _, new in made]
        made = kept


def _names_read(value: Any) -> set[str]:
    """Names of the layers whose tensors appear somewhere in a value."""
    if is_end(value):
        return {value[0]}
    if isinstance(value, dict):
        if is_end(value.get("keras_history")):
            return {value["keras_history"][0]}
        value = list(value.values())
    found: set[str] = set()
    return found.union(*map(_names_read, value)) if isinstance(value, list) else found


def _is_layer(layer: Any) -> bool:
    return (
        isinstance(layer, dict)
        and isinstance(layer.get("class_name"), str)
        and isinstance(layer.get("name"), str)
        and isinstance(layer.get("config"), dict)
    )


def _unwrapped(ends: Any) -> Any:
    """Keras 2 wrote `[["out", 0, 0]]` for a single tensor; Keras 3 would read a list of one."""
    if isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], list):
        return ends[0]
    return ends


class _Graph:
    """Names and classes of the layers of one model."""

    def __init__(self, layers: list[dict[str, Any]]) -> None:
        self.classes = {layer["name"]: layer["class_name"] for layer in layers}
        self.names = _without_slashes(self.classes)

    def layer(self, layer: dict[str, Any]) -> dict[str, Any]:
        name = self.names[layer["name"]]
        nodes = layer.get("inbound_nodes")
        if layer["class_name"] in ops.CLASSES:
            made = ops.operation(layer["config"], nodes)
            if made is not None:
                operation, calls = made
                operation["config"]["name"] = name
                nodes = [{"args": self._walk(args), "kwargs": {}} for args in calls]
                return {**operation, "name": name, "inbound_nodes": nodes}
        if isinstance(nodes, list):
            recurrent = layer["class_name"] in RECURRENT
            nodes = [self._node(node, recurrent=recurrent) for node in nodes]
        config = {**layer["config"], "name": name}
        return {**layer, "name": name, "config": config, "inbound_nodes": nodes}

    def _node(self, node: Any, *, recurrent: bool) -> Any:
        """One call of a layer: tensors first, then its keyword arguments."""
        if not isinstance(node, list) or not node:
            return node
        ends = [node] if isinstance(node[0], str) else node
        if not all(is_end(end) for end in ends):
            return node
        keywords = {
            key: self._walk(value)
            for end in ends
            if len(end) == 4 and isinstance(end[3], dict)
            for key, value in end[3].items()
        }
        tensors = [self._tensor(end) for end in ends]
        if recurrent and len(tensors) > 1:
            tensors, keywords["initial_state"] = tensors[:1], tensors[1:]
        return {"args": tensors if len(tensors) == 1 else [tensors], "kwargs": keywords}

    def _walk(self, value: Any) -> Any:
        if is_end(value) and value[0] in self.names:
            return self._tensor(value)
        if isinstance(value, list):
            return [self._walk(item) for item in value]
        return value

    def _tensor(self, end: list[Any]) -> dict[str, Any]:
        name, index, output = end[:3]
        shift = 1 if self.classes.get(name) in MODELS and index > 0 else 0
        # Keras finds the tensor by its history; shape and dtype are only its label.
        history = [self.names.get(name, name), index - shift, output]
        config = {"shape": [], "dtype": "float32", "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": config}

    def ends(self, value: Any) -> Any:
        """The model's own inputs or outputs, in whatever they are nested."""
        if is_end(value):
            name, index, output = value[:3]
            # Keras 3 itself takes 1 off for functional models here, and only for them.
            shift = 1 if self.classes.get(name) == "Sequential" and index > 0 else 0
            return [self.names.get(name, name), index - shift, output]
        if isinstance(value, list):
            return [self.ends(item) for item in value]
        if isinstance(value, dict):
            return {key: self.ends(item) for key, item in value.items()}
        return value


def is_end(value: Any) -> bool:
    """Tell whether a value is a reference to a tensor: layer, call, output, perhaps arguments."""
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(isinstance(index, int) for index in value[1:3])
    )


def _without_slashes(names: Mapping[str, Any]) -> dict[str, str]:
    taken = {name for name in names if "/" not in name}
    renamed = {}
    for name in names:
        new = name
        if "/" in name:
            new = name.replace("/", "_")
            while new in taken:
                new += "_"
            taken.add(new)
        renamed[name] = new
    return renamed
