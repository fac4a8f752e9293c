"""Layers that act on each value by itself: activations, dropout, noise, scaling."""

from __future__ import annotations

from typing import Any

from worker.engine.graph.flow import Axes, Axis, Call
from worker.engine.graph.record import Cut
from worker.engine.graph.rules import activation
from worker.engine.graph.rules.dense import count
from worker.engine.graph.tracer import Tracer


def passes(_tracer: Tracer, _layer: Any, call: Call) -> list[Axes]:
    """The values go through unchanged (noise at inference)."""
    return [dict(call.first.axes)]


def dropout(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """At inference nothing; `noise_shape` may name a size that shrinks."""
    axes = dict(call.first.axes)
    if layer.noise_shape is not None:
        for axis, value in axes.items():
            tracer.record.port(layer, f"noise_shape[{axis}]", value.ids, tracer.tied(layer))

        def edit(config: dict[str, Any], cut: Cut) -> None:
            shape = list(config["noise_shape"])
            for axis, value in axes.items():
                if shape[axis] == len(value):
                    shape[axis] = len(cut.keep(value.ids))
            config["noise_shape"] = tuple(shape)

        tracer.record.edit(layer, edit)
    return [axes]


def applied(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """The layer is a function of each value (ReLU, Activation, ...), or mixes the last axis."""
    function = layer.activation if hasattr(layer, "activation") else layer
    return [activation.after(tracer, layer, function, dict(call.first.axes))]


def prelu(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """alpha has the input's shape without the batch, 1 along shared axes."""
    x = call.first
    for axis in range(1, x.rank):
        size = int(layer.alpha.shape[axis - 1])
        if size != 1 or axis not in x.axes:
            value = tracer.along(x, axis, size)
            tracer.reads(layer, layer.alpha, axis - 1, value, "channel")
    return [dict(x.axes)]


def layer_scale(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """ConvNeXt's x * gamma, per channel of the last axis."""
    x = call.first
    value = tracer.along(x, -1, int(layer.gamma.shape[0]))
    tracer.reads(layer, layer.gamma, 0, value, "channel")
    tracer.record.edit(layer, count("projection_dim", value.ids))
    axes = dict(x.axes)
    if x.at(-1) is not None:
        axes[x.rank - 1] = Axis.of(value.ids, True)
    return [axes]


def softmax(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """Each value along `axis` depends on all others there."""
    x = call.first
    chosen = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    mixed = {a % x.rank for a in chosen}
    for axis in mixed:
        tracer.freeze(x, tracer.why(layer, f"{tracer.path(layer)} mixes these channels."), axis)
    return [{a: value.with_zero(False) for a, value in x.axes.items() if a not in mixed}]


def rescaling(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """x * scale + offset, with plain numbers."""
    x = call.first
    if not all(isinstance(v, int | float) for v in (layer.scale, layer.offset)):
        text = f"{tracer.path(layer)} holds a number for each of these channels."
        tracer.freeze(x, tracer.why(layer, text))
        return [{}]
    return [{a: value.through(layer.offset == 0) for a, value in x.axes.items()}]


def masking(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """The mask is computed from all values of the last axis."""
    x = call.first
    text = f"{tracer.path(layer)} decides by all of these channels which steps are skipped."
    tracer.freeze(x, tracer.why(layer, text), -1)
    return [{a: Axis.of(v.ids, False) for a, v in x.without(-1).items()}]
