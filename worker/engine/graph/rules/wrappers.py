"""Layers around a layer: Bidirectional, TimeDistributed, SpectralNormalization."""

from __future__ import annotations

from typing import Any

import numpy as np

from worker.engine.graph.flow import Axes, Axis, Call, Flow
from worker.engine.graph.record import Cut
from worker.engine.graph.tracer import Tracer


def time_distributed(tracer: Tracer, wrapper: Any, call: Call) -> list[Axes]:
    """The inner layer or model sees every step (axis 1) by itself."""
    x = call.first
    tracer.adopt(wrapper.layer, wrapper)
    tracer.freeze(x, tracer.why(wrapper, f"{tracer.path(wrapper)} steps along it."), 1)
    outputs = tuple(_without_time(flow) for flow in call.outputs)
    inner = Call((_without_time(x),), {}, outputs)
    return [
        {axis + 1: value for axis, value in flow.axes.items()}
        for flow in tracer.apply(wrapper.layer, inner)
    ]


def bidirectional(tracer: Tracer, wrapper: Any, call: Call) -> list[Axes]:
    """Two recurrent layers; merge_mode says how their units meet."""
    states = call.argument(1, "initial_state")
    starts = (
        (None, None) if states is None else (states[: len(states) // 2], states[len(states) // 2 :])
    )
    both: list[list[Flow]] = []
    inner = (wrapper.forward_layer, wrapper.backward_layer)
    count = len(call.outputs) if wrapper.merge_mode is not None else len(call.outputs) - 1
    specs = (call.outputs[0], *call.outputs[-(count - 1) :][: (count - 1) // 2])
    for layer, start in zip(inner, starts, strict=True):
        tracer.adopt(layer, wrapper)
        kwargs = {} if start is None else {"initial_state": start}
        both.append(tracer.apply(layer, Call((call.first,), kwargs, specs)))

    def edit(config: dict[str, Any], cut: Cut) -> None:
        for layer, name in zip(inner, ("layer", "backward_layer"), strict=True):
            for one in tracer.record.edits.get(id(layer), ()):
                one(config[name]["config"], cut)

    tracer.record.edit(wrapper, edit)
    states_axes = [flow.axes for flows in both for flow in flows[1:]]
    return [*_merged(tracer, wrapper, both[0][0], both[1][0]), *states_axes]


def spectral(tracer: Tracer, wrapper: Any, call: Call) -> list[Axes]:
    """The inner layer as it is; `vector_u` (1, last axis of the kernel) goes along."""
    tracer.adopt(wrapper.layer, wrapper)
    outputs = tracer.apply(wrapper.layer, call)
    last = len(wrapper.kernel.shape) - 1
    known = tracer.record.variables.get((id(wrapper.kernel), last))
    if known is not None:
        tracer.follows(wrapper, wrapper.vector_u, 1, known.ids, "stat")
    return [flow.axes for flow in outputs]


def _merged(tracer: Tracer, wrapper: Any, forward: Flow, backward: Flow) -> list[Axes]:
    axis = forward.rank - 1
    for flow in (forward, backward):
        for away in flow.without(axis):
            text = f"{tracer.path(wrapper)} joins its directions along another axis."
            tracer.freeze(flow, tracer.why(wrapper, text), away)
    one, other = (tracer.along(f, axis, f.shape[axis] or 0) for f in (forward, backward))
    # Keras writes one width down for both directions, so a unit goes from both or from neither.
    tracer.ids.unify(one.ids, other.ids, tracer.tied(wrapper))
    if wrapper.merge_mode is None:
        return [forward.axes, backward.axes]
    if not forward.axes and not backward.axes:
        return [{}]
    if wrapper.merge_mode == "concat":
        both = Axis(np.concatenate([one.ids, other.ids]), np.concatenate([one.zero, other.zero]))
        return [{axis: both}]
    product = wrapper.merge_mode == "mul"
    return [{axis: Axis(one.ids, one.zero | other.zero if product else one.zero & other.zero)}]


def _without_time(flow: Flow) -> Flow:
    axes = {a if a == 0 else a - 1: v for a, v in flow.axes.items() if a != 1}
    return Flow((flow.shape[0], *flow.shape[2:]), flow.dtype, axes)
