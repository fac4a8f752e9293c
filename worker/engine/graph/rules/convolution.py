"""Convolutions: plain, grouped, transposed, depthwise and separable, 1-D to 3-D."""

from __future__ import annotations

from typing import Any

import numpy as np

from worker.engine.graph import biases
from worker.engine.graph.flow import Axes, Axis, Call, Flow
from worker.engine.graph.rules import activation
from worker.engine.graph.rules.dense import count
from worker.engine.graph.tracer import Tracer


def channel_axis(layer: Any, flow: Flow) -> int:
    """Where the channels lie."""
    return 1 if layer.data_format == "channels_first" else flow.rank - 1


def convolution(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """kernel (size..., in / groups, filters), bias (filters)."""
    x = call.first
    axis = channel_axis(layer, x)
    groups = int(layer.groups)
    value = tracer.along(x, axis, int(layer.kernel.shape[-2]) * groups)
    rank = len(layer.kernel.shape)
    out = tracer.record.produce(layer.kernel, rank - 1)
    if groups == 1:
        tracer.reads(layer, layer.kernel, rank - 2, value)
        tracer.record.edit(layer, count("filters", out))
    else:
        _grouped(tracer, layer, value, out, groups)
    return _finish(tracer, layer, call, axis, out)


def transposed(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """kernel (size..., filters, in), bias (filters)."""
    x = call.first
    axis = channel_axis(layer, x)
    rank = len(layer.kernel.shape)
    value = tracer.along(x, axis, int(layer.kernel.shape[-1]))
    tracer.reads(layer, layer.kernel, rank - 1, value)
    out = tracer.record.produce(layer.kernel, rank - 2)
    tracer.record.edit(layer, count("filters", out))
    return _finish(tracer, layer, call, axis, out)


def depthwise(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """kernel (size..., in, multiplier): channel c feeds outputs c * multiplier and on."""
    x = call.first
    axis = channel_axis(layer, x)
    rank = len(layer.kernel.shape)
    value = tracer.along(x, axis, int(layer.kernel.shape[-2]))
    tracer.reads(layer, layer.kernel, rank - 2, value, "channel")
    out = np.repeat(value.ids, int(layer.depth_multiplier))
    return _finish(tracer, layer, call, axis, out, grows=x.at(axis) is not None)


def separable(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """depthwise_kernel (size..., in, multiplier), pointwise_kernel (1..., in * multiplier, out)."""
    x = call.first
    axis = channel_axis(layer, x)
    rank = len(layer.depthwise_kernel.shape)
    value = tracer.along(x, axis, int(layer.depthwise_kernel.shape[-2]))
    tracer.reads(layer, layer.depthwise_kernel, rank - 2, value, "channel")
    between = Axis.of(np.repeat(value.ids, int(layer.depth_multiplier)), True)
    tracer.reads(layer, layer.pointwise_kernel, rank - 2, between)
    out = tracer.record.produce(layer.pointwise_kernel, rank - 1)
    tracer.record.edit(layer, count("filters", out))
    return _finish(tracer, layer, call, axis, out)


def _grouped(tracer: Tracer, layer: Any, value: Axis, out: np.ndarray, groups: int) -> None:
    """Either the j-th channel of every group goes, or (where groups are thin) whole groups."""
    rank = len(layer.kernel.shape)
    reason = tracer.why(layer, f"{tracer.path(layer)} needs groups of one size.")
    rows, columns = value.ids.reshape(groups, -1), out.reshape(groups, -1)
    frozen = bool(tracer.ids.is_frozen(value.ids).any())
    if min(rows.shape[1], columns.shape[1]) > 1 or frozen:
        for matrix in (rows, columns):
            tracer.ids.unify_rows(matrix.T, reason)
        tracer.follows(layer, layer.kernel, rank - 2, rows[0], "in")
        tracer.record.edit(layer, count("filters", out))
        return
    tracer.ids.unify_rows(np.concatenate([rows, columns], axis=1), reason)
    heads = columns[:, 0].copy()
    tracer.record.edit(layer, count("filters", out), count("groups", heads))


def _finish(
    tracer: Tracer, layer: Any, call: Call, axis: int, out: np.ndarray, *, grows: bool = True
) -> list[Axes]:
    """Bias and activation; space is mixed, so an axis of space that has ids is frozen."""
    x = call.first
    if layer.use_bias:
        tracer.follows(layer, layer.bias, 0, out)
        if axis == 1 and x.rank > 2:
            biases.guard(tracer, layer, call.outputs[0], {}, {1: out})
    for other in x.without(axis):
        tracer.freeze(x, tracer.why(layer, f"{tracer.path(layer)} slides along it."), other)
    axes = {axis: Axis.of(out, True)} if grows else {}
    return [activation.after(tracer, layer, layer.activation, axes)]
