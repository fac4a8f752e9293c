"""Normalisation: per channel passes; over channels is the boundary of what is exact."""

from __future__ import annotations

from typing import Any

import numpy as np

from worker.engine.graph.flow import Axes, Axis, Call, Flow
from worker.engine.graph.ids import Reason
from worker.engine.graph.rules.dense import count
from worker.engine.graph.tracer import Tracer

_ALLOW = "Set approximate: true to prune it anyway; outputs then change a little."


def batch(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """gamma, beta, moving_mean, moving_variance, all per channel of `axis`."""
    x = call.first
    axis = layer.axis % x.rank
    value = x.at(axis)
    variables = [
        (layer.gamma if layer.scale else None, "channel"),
        (layer.beta if layer.center else None, "channel"),
        (layer.moving_mean, "mean"),
        (layer.moving_variance, "stat"),
    ]
    size = int(layer.moving_mean.shape[0])
    for variable, role in variables:
        if variable is not None:
            tracer.reads(layer, variable, 0, tracer.along(x, axis, size), role)
    axes = {a: other.with_zero(False) for a, other in x.without(axis).items()}
    if value is not None:
        # gamma and beta of a removed channel are 0, whatever came in.
        axes[axis] = Axis.of(value.ids, bool(layer.scale))
    return [axes]


def layer_norm(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """gamma, beta over `axis`: the mean over channels changes when one of them goes."""
    x = call.first
    normalised = _axes(layer, x)
    result: dict[int, Axis] = {}
    for axis, value in x.axes.items():
        if axis not in normalised:
            result[axis] = value.with_zero(not layer.center)
            continue
        reason = tracer.why(
            layer, f"{tracer.path(layer)} takes the mean over these channels.", _ALLOW
        )
        if not tracer.approximate:
            tracer.ids.freeze(value.ids, reason)
        else:
            tracer.record.approximate[tracer.path(layer)] = reason
        result[axis] = Axis.of(value.ids, bool(layer.scale))
    for number, axis in enumerate(normalised):
        for variable in (layer.gamma, layer.beta):
            if variable is not None:
                value = tracer.along(x, axis, int(variable.shape[number]))
                tracer.reads(layer, variable, number, value, "channel")
    return [result]


def rms(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """scale over `axis`: exact where removed channels are 0, with scale and epsilon folded.

    Where they are not, the approximate mode takes the mean over what stays.
    """
    x = call.first
    normalised = _axes(layer, x)
    result = dict(x.axes)
    shrinking = [axis for axis in normalised if axis in x.axes]
    for number, axis in enumerate(normalised):
        value = tracer.along(x, axis, int(layer.scale.shape[number]))
        tracer.reads(layer, layer.scale, number, value, "channel")
    for axis in shrinking:
        value = x.axes[axis]
        if tracer.approximate and len(shrinking) == 1 and not value.zero.all():
            tracer.record.approximate[tracer.path(layer)] = _not_zero(tracer, layer, "mean")
            result[axis] = Axis.of(value.ids, True)
            continue
        if len(shrinking) > 1 or not value.zero.all():
            tracer.ids.freeze(value.ids, _not_zero(tracer, layer, "mean"))
            continue
        tracer.ids.need_zero(value.ids)
        tracer.record.rescale(layer.scale, value.ids, -0.5)
        tracer.record.edit(layer, _fold_epsilon(value.ids))
        result[axis] = Axis.of(value.ids, True)
    return [result]


def group(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """gamma, beta per channel; whole groups go, and `groups` follows."""
    x = call.first
    axis = layer.axis % x.rank
    value = x.at(axis)
    for other in x.without(axis):
        tracer.freeze(x, tracer.why(layer, f"{tracer.path(layer)} takes a mean over it."), other)
    channels = int(x.shape[axis] or 0)
    groups = channels if layer.groups == -1 else int(layer.groups)
    for variable in (layer.gamma, layer.beta):
        if variable is not None:
            along = tracer.along(x, axis, int(variable.shape[0]))
            tracer.reads(layer, variable, 0, along, "channel")
    if value is None:
        return [{}]
    reason = tracer.why(layer, f"{tracer.path(layer)} takes a mean over groups of channels.")
    tracer.ids.unify_rows(value.ids.reshape(groups, -1), reason)
    if layer.groups != -1:
        tracer.record.edit(layer, count("groups", value.ids.reshape(groups, -1)[:, 0].copy()))
    return [{axis: Axis.of(value.ids, bool(layer.scale))}]


def unit(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """x / norm(x): exact where removed channels are 0."""
    x = call.first
    normalised = _axes(layer, x)
    for axis, value in x.axes.items():
        if axis not in normalised:
            continue
        if value.zero.all():
            tracer.ids.need_zero(value.ids)
        else:
            tracer.ids.freeze(value.ids, _not_zero(tracer, layer, "norm"))
    return [dict(x.axes)]


def preprocessing(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """Normalization: its statistics belong to the inputs."""
    x = call.first
    tracer.freeze(x, tracer.why(layer, f"{tracer.path(layer)} holds statistics of these channels."))
    return [{}]


def _not_zero(tracer: Tracer, layer: Any, what: str) -> Reason:
    path = tracer.path(layer)
    text = f"{path} takes a {what} over these channels, where a removed one would not be 0."
    return tracer.why(layer, text)


def _axes(layer: Any, x: Flow) -> list[int]:
    axis = layer.axis
    return [a % x.rank for a in (axis if isinstance(axis, list | tuple) else [axis])]


def _fold_epsilon(ids: np.ndarray) -> Any:
    def edit(config: dict[str, Any], cut: Any) -> None:
        config["epsilon"] = config["epsilon"] * len(ids) / len(cut.keep(ids))

    return edit
