"""Dense: the last axis in, units out; all other axes pass."""

from __future__ import annotations

from typing import Any

from worker.engine.graph.flow import Axes, Axis, Call
from worker.engine.graph.record import Edit
from worker.engine.graph.rules import activation
from worker.engine.graph.tracer import Tracer


def count(name: str, ids: Any) -> Edit:
    """An edit that writes how many of `ids` stay into a field of the configuration."""

    def edit(config: dict[str, Any], cut: Any) -> None:
        config[name] = len(cut.keep(ids))

    return edit


def dense(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """kernel (in, units), bias (units)."""
    x = call.first
    tracer.reads(layer, layer.kernel, 0, tracer.along(x, -1, int(layer.kernel.shape[0])))
    out = tracer.record.produce(layer.kernel, 1)
    if layer.use_bias:
        tracer.follows(layer, layer.bias, 0, out)
    tracer.record.edit(layer, count("units", out))
    axes = x.without(-1)
    if layer.use_bias:
        # A channel that was zero along another axis (time, say) now holds the bias.
        axes = {a: value.with_zero(False) for a, value in axes.items()}
    axes[x.rank - 1] = Axis.of(out, True)
    return [activation.after(tracer, layer, layer.activation, axes)]
