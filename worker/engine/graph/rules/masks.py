"""The mask over time that Keras makes of a concatenation: it asks every channel of every part."""

from __future__ import annotations

from typing import Any

from keras.src.ops import numpy as numpy_ops

from worker.engine.graph import probe
from worker.engine.graph.flow import Axes, Call
from worker.engine.graph.tracer import Tracer

_OF_SHAPES = (numpy_ops.OnesLike, numpy_ops.ZerosLike)
_JOINING = (numpy_ops.LogicalOr, numpy_ops.Concatenate)


def any_channel(tracer: Tracer, operation: Any, call: Call) -> list[Axes]:
    """Where all channels of a part say the same, it is no matter how many of them are asked."""
    last = operation.axis in ([-1], [call.first.rank - 1]) and not operation.keepdims
    if last and call.node is not None and _alike(call.node.input_tensors[0]):
        return [{axis: value.with_zero(False) for axis, value in call.first.without(-1).items()}]
    return probe.probe(tracer, operation, call)


def _alike(tensor: Any) -> bool:
    """Whether the graph says that the last axis holds parts, each of one value throughout."""
    if tensor.shape[-1] == 1:
        return True
    history = tensor._keras_history
    if isinstance(history.operation, _OF_SHAPES):
        return True
    if not isinstance(history.operation, _JOINING):
        return False
    node = history.operation._inbound_nodes[history.node_index]
    return all(_alike(part) for part in node.input_tensors)
