"""Which channels of which tensors are the same for every input, and their values.

Two witnesses must agree. The graph must say that no weight feeds the channel (a unit that was
merely silent on the inputs tried is alive), and a run in float64 must show one value at every
place (a constant that met padding is none).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

import keras
import numpy as np
from keras import layers

from worker.engine.compaction import probes, stepwise
from worker.engine.graph import Graph
from worker.engine.graph.walk import graph_of, nodes_in_order

# Rounding of one value computed at several places, relative to it.
_SAME = 1e-12
# Probes, and the length of free dimensions: a sum over either is constant at one length alone.
_RUNS = ((3, probes.FREE_DIMENSION), (1, 2 * probes.FREE_DIMENSION))

# Each output channel of these depends on the input channel of the same number alone.
CHANNELWISE = (
    layers.BatchNormalization,
    layers.PReLU,
    layers.DepthwiseConv1D,
    layers.DepthwiseConv2D,
)
JOINING = ("Concatenate", "Stack")


class Constant(IntEnum):
    """What the graph says of a channel."""

    VARIES = 0
    IF_ZERO = 1  # Recurrent: without input it follows its own course, unless that is 0 throughout.
    ALWAYS = 2


class Structure:
    """The graph's word on constancy, for weights that are partly zero."""

    def __init__(self, model: keras.Model, graph: Graph) -> None:
        self._graph = graph
        self._outer: dict[int, list[Any]] = defaultdict(list)
        self.calls: dict[int, list[Any]] = defaultdict(list)
        self.readers: dict[int, list[Any]] = defaultdict(list)
        self._index(model)
        self._known: dict[tuple[int, int], Constant] = {}
        self._registered: dict[int, list[Any]] = defaultdict(list)
        for one in graph.registered:
            self._registered[id(one.variable)].append(one)
        self._values: dict[str, np.ndarray] = {}

    def look_at(self, values: dict[str, np.ndarray]) -> None:
        """Judge by these weights from now on."""
        self._values = values
        self._known = {}

    def carries(self, tensor: Any, root: int) -> bool:
        """Whether channels of the class `root` lie along an axis of a tensor."""
        return bool(list(self.places(tensor, root)))

    def places(self, tensor: Any, root: int) -> Iterator[tuple[int, np.ndarray]]:
        """Axes of a tensor that the class lies along, with its positions there."""
        flow = self._graph.record.flows.get(id(tensor))
        for axis, value in (flow.axes if flow else {}).items():
            at = np.flatnonzero(self._graph.record.ids.find(value.ids) == root)
            if len(at):
                yield axis, at

    def constant(self, tensor: Any, root: int) -> Constant:
        """Whether the channels of class `root` in a tensor depend on no input."""
        key = (id(tensor), root)
        if key not in self._known:
            self._known[key] = Constant.VARIES  # a guard; graphs have no circles
            self._known[key] = self._judge(tensor, root)
        return self._known[key]

    def _judge(self, tensor: Any, root: int) -> Constant:
        history = tensor._keras_history
        operation = history.operation
        if isinstance(operation, layers.InputLayer):
            outer = self._outer.get(id(tensor), [])
            return min((self.constant(t, root) for t in outer), default=Constant.VARIES)
        nested = graph_of(operation)
        if nested is not None:
            return self.constant(nested.outputs[history.tensor_index], root)
        node = operation._inbound_nodes[history.node_index]
        if operation.weights if isinstance(operation, keras.Layer) else ():
            return self._through_weights(operation, node, root)
        return self._through(operation, node, root)

    def _through(self, operation: Any, node: Any, root: int) -> Constant:
        """An operation without weights: constant where all that the class comes from is."""
        joining = type(operation).__name__ in JOINING
        found = []
        for tensor in node.input_tensors:
            if self.carries(tensor, root):
                found.append(self.constant(tensor, root))
            elif not joining:
                return Constant.VARIES
        return min(found, default=Constant.VARIES)

    def _through_weights(self, layer: Any, node: Any, root: int) -> Constant:
        produced, passed = [], []
        for variable in layer.weights:
            for one in self._registered.get(id(variable), ()):
                at = np.flatnonzero(self._graph.record.ids.find(one.ids) == root)
                if len(at) and one.role == "out":
                    produced.append(self._is_zero(one, at))
                elif len(at) and one.role == "channel" and variable.name in ("kernel", "gamma"):
                    passed.append(self._is_zero(one, at))
        if produced:
            recurrent = any(isinstance(part, layers.RNN) for part in layer._flatten_layers())
            kind = Constant.IF_ZERO if recurrent else Constant.ALWAYS
            return kind if all(produced) else Constant.VARIES
        if not isinstance(layer, CHANNELWISE):
            return Constant.VARIES
        if passed and all(passed):
            return Constant.ALWAYS
        return self.constant(node.input_tensors[0], root)

    def _is_zero(self, one: Any, at: np.ndarray) -> bool:
        value = self._values[self._graph.keys[id(one.variable)]]
        return not np.take(value, at, axis=one.axis).any()

    def _index(self, model: Any) -> None:
        functional = graph_of(model)
        if functional is None:
            return
        for node in nodes_in_order(functional):
            self.calls[id(node.operation)].append(node)
            for tensor in node.input_tensors:
                self.readers[id(tensor)].append(node)
            nested = graph_of(node.operation)
            if nested is not None:
                for inner, outer in zip(nested.inputs, node.input_tensors, strict=True):
                    self._outer[id(inner)].append(outer)
                if len(self.calls[id(node.operation)]) == 1:
                    self._index(node.operation)


class Observed:
    """Smallest and largest value of every channel of the tensors that a model's layers read."""

    def __init__(self, model: keras.Model, graph: Graph) -> None:
        self._graph = graph
        self._ranges: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}
        fixed = model.inputs[0].shape[0]
        for count, free in _RUNS:
            _, given = probes.inputs_for(model, {}, probes.Plan(0), 0, free=free)
            chosen = slice(-fixed, None) if fixed else slice(count)
            stepwise.run(model, [value[chosen] for value in given], watch=self._watch)

    def _watch(self, node: Any, values: list[Any], _outputs: list[Any]) -> None:
        if not getattr(node.operation, "weights", ()):
            return
        for tensor, value in zip(node.input_tensors, values, strict=True):
            flow = self._graph.record.flows.get(id(tensor))
            for axis in flow.axes if flow else ():
                array = np.asarray(keras.ops.convert_to_numpy(value))
                others = tuple(k for k in range(array.ndim) if k != axis)
                low, high = array.min(axis=others), array.max(axis=others)
                if (id(tensor), axis) in self._ranges:
                    before = self._ranges[id(tensor), axis]
                    low, high = np.minimum(low, before[0]), np.maximum(high, before[1])
                self._ranges[id(tensor), axis] = (low, high)

    def value(self, tensor: Any, axis: int, at: np.ndarray) -> np.ndarray | None:
        """The one value at each of the positions; None where it is not one, or was not seen."""
        if (id(tensor), axis) not in self._ranges:
            return None
        low, high = (bound[at] for bound in self._ranges[id(tensor), axis])
        same = high - low <= _SAME * np.maximum(1.0, np.abs(low))
        return low if same.all() and np.isfinite(low).all() else None
