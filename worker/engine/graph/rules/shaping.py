"""Layers that move values without changing them: Flatten, Reshape, Permute, RepeatVector."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import layers
from keras.src.ops import numpy as numpy_ops

from worker.engine.graph import layout
from worker.engine.graph.flow import Axes, Axis, Call, Flow
from worker.engine.graph.record import Cut
from worker.engine.graph.rules.dense import count
from worker.engine.graph.tracer import Tracer

# Free dimensions take these sizes while places are tracked; they are unequal on purpose.
_FREE = (6, 10, 14, 15)
_TURNING = (layers.Permute, numpy_ops.Transpose)
_SCALING = (layers.Multiply, numpy_ops.Multiply)


def permute(_tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """`dims` count from 1, without the batch."""
    x = call.first
    order = [0, *layer.dims]
    return [{new: x.axes[old] for new, old in enumerate(order) if old in x.axes}]


def repeat(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """RepeatVector: (features) becomes (n, features).

    Turned round, to scale another tensor's channels, there is one copy for each of them.
    """
    axes = {axis + 1: value for axis, value in call.first.axes.items()}
    if _scales_channels(layer):
        copies = tracer.ids.fresh(layer.n)
        tracer.record.port(layer, "n", copies, tracer.tied(layer))
        tracer.record.edit(layer, count("n", copies))
        axes[1] = Axis.of(copies, False)
    return [axes]


def _scales_channels(layer: Any) -> bool:
    turned = [node.operation for node in layer._outbound_nodes]
    readers = [node.operation for operation in turned for node in operation._outbound_nodes]
    return (
        bool(readers)
        and all(type(operation) in _TURNING for operation in turned)
        and all(type(operation) in _SCALING for operation in readers)
    )


def flatten(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """All axes become one; channels_first is turned to channels_last before."""
    x = call.first

    def move(index: np.ndarray) -> np.ndarray:
        if layer.data_format == "channels_first" and x.rank > 2:
            index = np.moveaxis(index, 0, -1)
        return index.reshape(-1)

    return [moved(tracer, layer, x, call.outputs[0], move)]


def reshape(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """Row-major; the sizes of target_shape follow what goes."""
    x = call.first
    axes = moved(tracer, layer, x, call.outputs[0], lambda i: i.reshape(layer.target_shape))
    for axis in range(1, call.outputs[0].rank):
        value = axes.get(axis)
        ids = None if value is None else value.ids
        tracer.record.port(layer, f"target_shape[{axis}]", ids, tracer.tied(layer))
    tracer.record.edit(layer, lambda config, cut: _resize(config, axes, cut))
    return [axes]


def moved(tracer: Tracer, layer: Any, x: Flow, out: Flow, move: Any) -> dict[int, Axis]:
    """Track each tagged axis through `move`, a function of an array without its batch axis."""
    result: dict[int, Axis] = {}
    free = iter(_FREE)
    shape = tuple(next(free, 7) if d is None else d for d in x.shape[1:])
    text = f"{tracer.path(layer)} rearranges channels so that no axis can shrink."
    reason = tracer.why(layer, text)
    for axis, value in sorted(x.axes.items(), key=lambda item: -len(item[1])):
        try:
            where = move(layout.places(shape, axis - 1, len(value)))
        except ValueError:
            tracer.ids.freeze(value.ids, reason)
            continue
        found = layout.settle(tracer.ids, value, where, reason)
        if found is None:
            continue
        at, along, _ = found
        if at + 1 in result or out.shape[at + 1] != len(along):
            tracer.ids.freeze(value.ids, reason)
            continue
        result[at + 1] = along
    return result


def _resize(config: dict[str, Any], axes: dict[int, Axis], cut: Cut) -> None:
    target = list(config["target_shape"])
    for axis, value in axes.items():
        if target[axis - 1] != -1:
            target[axis - 1] = len(cut.keep(value.ids))
    config["target_shape"] = tuple(target)
