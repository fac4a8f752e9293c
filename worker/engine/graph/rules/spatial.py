"""Layers over space or time that leave channels alone: pooling, padding, cropping, resizing."""

from __future__ import annotations

from typing import Any

from worker.engine.graph.flow import Axes, Axis, Call
from worker.engine.graph.rules.convolution import channel_axis
from worker.engine.graph.tracer import Tracer


def windowed(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """Pooling, padding, cropping, up-sampling: the channel axis passes."""
    return [_channels(tracer, layer, call)]


def over_all(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """Global pooling: space disappears unless `keepdims`."""
    axes = _channels(tracer, layer, call)
    rank = call.outputs[0].rank
    moved = rank != call.first.rank
    return [{(1 if moved else a): value for a, value in axes.items()}]


def along_time(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """ZeroPadding1D, Cropping1D, UpSampling1D: time is axis 1 (the first knows data_format)."""
    x = call.first
    time = 2 if getattr(layer, "data_format", None) == "channels_first" else 1
    tracer.freeze(x, tracer.why(layer, f"{tracer.path(layer)} works along it."), time)
    return [x.without(time)]


def _channels(tracer: Tracer, layer: Any, call: Call) -> dict[int, Axis]:
    x = call.first
    axis = channel_axis(layer, x)
    for other in x.without(axis):
        tracer.freeze(x, tracer.why(layer, f"{tracer.path(layer)} works along it."), other)
    value = x.at(axis)
    return {} if value is None else {axis: value}
