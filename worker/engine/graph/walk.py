"""The walk through a model's nodes, in order, filling in what is known of every tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import tree
from keras.src.models.functional import Functional

from worker.engine.graph import probe
from worker.engine.graph.flow import Axes, Axis, Call, Flow, flows_of
from worker.engine.graph.record import Cut, Edit
from worker.engine.graph.rules import MAKING, WITH_WEIGHTS, WITHOUT_WEIGHTS
from worker.engine.graph.tracer import Tracer

_MERGE = "Save the model as it was before quantising, with its adapters merged."


def graph_of(model: Any) -> Any | None:
    """The functional graph of a model made of layers; None for one with a `call` of its own."""
    if type(model) is Functional:
        return model
    if type(model) is keras.Sequential:
        return model._functional
    return None


def walk(tracer: Tracer, functional: Any, inputs: Sequence[Flow]) -> list[Flow]:
    """Follow the inputs through a functional graph to its outputs."""
    flows: dict[int, Flow] = {}
    for tensor, flow in zip(functional.inputs, inputs, strict=True):
        flows[id(tensor)] = flow
    for node in nodes_in_order(functional):
        if any(id(tensor) not in flows for tensor in node.input_tensors):
            continue
        results = apply(tracer, node.operation, _call(node, flows))
        for tensor, flow in zip(node.outputs, results, strict=True):
            flows[id(tensor)] = flow
    tracer.record.flows.update(flows)
    return [flows[id(tensor)] for tensor in functional.outputs]


def nodes_in_order(functional: Any) -> list[Any]:
    """Every call in the graph, each after those that it depends on; inputs are left out.

    A layer's calls come in the order in which they were made, so that a model built anew in this
    order numbers them alike.
    """
    depths = functional._nodes_by_depth
    waiting = [
        node
        for depth in sorted(depths, reverse=True)
        for node in depths[depth]
        if node.operation and not node.is_input
    ]
    calls: dict[int, list[Any]] = {}
    for node in waiting:
        calls.setdefault(id(node.operation), []).append(node)
    if all(len(made) == 1 for made in calls.values()):
        return waiting
    for made in calls.values():
        made.sort(key=made[0].operation._inbound_nodes.index, reverse=True)
    missing = {id(tensor) for node in waiting for tensor in node.outputs}
    ordered: list[Any] = []
    while waiting:
        ready = []
        for node in waiting:
            open_inputs = any(id(tensor) in missing for tensor in node.input_tensors)
            if not open_inputs and calls[id(node.operation)][-1] is node:
                calls[id(node.operation)].pop()
                missing.difference_update(id(tensor) for tensor in node.outputs)
                ready.append(node)
        if not ready:  # the calls depend on one another otherwise: go by depth
            return ordered + waiting
        ordered += ready
        done = {id(node) for node in ready}
        waiting = [node for node in waiting if id(node) not in done]
    return ordered


def apply(tracer: Tracer, operation: Any, call: Call) -> list[Flow]:
    """The tensors that come out of one call."""
    try:
        axes = _read(tracer, operation, call)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        # It is not as its rule expects: then it is as good as unknown.
        axes = unknown(tracer, operation, call)
    outputs = [
        Flow(spec.shape, spec.dtype, dict(found))
        for spec, found in zip(call.outputs, axes, strict=True)
    ]
    return [_settled(tracer, operation, flow) for flow in outputs]


def _settled(tracer: Tracer, operation: Any, flow: Flow) -> Flow:
    """Note a tensor's axes; where there is but one unit, it stays."""
    axes = {}
    for axis, value in flow.axes.items():
        if len(value) == 1:
            reason = tracer.why(operation, "It is the only unit of its kind there.")
            tracer.ids.freeze(value.ids, reason)
        else:
            tracer.record.tensor(value.ids)
            axes[axis] = value
    return Flow(flow.shape, flow.dtype, axes)


def unknown(tracer: Tracer, operation: Any, call: Call) -> list[Axes]:
    """Something that no rule reads: whatever it touches stays."""
    name = type(operation).__name__
    reason = (
        tracer.why(operation, f"No rule knows how this {name} uses its channels.")
        if plain(operation)
        else tracer.why(operation, f"This {name} is quantised or has adapters.", _MERGE)
    )
    if _weights(operation):
        tracer.record.unread[tracer.path(operation)] = reason
    for flow in call.flows:
        tracer.freeze(flow, reason)
    for one in tracer.record.variables.values():
        if any(one.variable is variable for variable in getattr(operation, "weights", ())):
            tracer.ids.freeze(one.ids, reason)
    return [{} for _ in call.outputs]


def _read(tracer: Tracer, operation: Any, call: Call) -> Sequence[Axes]:
    """By recursion, by a rule, by trying, or not at all."""
    nested = graph_of(operation)
    if nested is not None:
        results = walk(tracer, nested, _enter(tracer, operation, nested, call))
        return [flow.axes for flow in results]
    if type(operation) in WITH_WEIGHTS and plain(operation):
        return WITH_WEIGHTS[type(operation)](tracer, operation, call)
    if _weights(operation):
        return unknown(tracer, operation, call)
    if not any(flow.axes for flow in call.flows) and type(operation) not in MAKING:
        return [{} for _ in call.outputs]
    rule = WITHOUT_WEIGHTS.get(type(operation), probe.probe)
    return rule(tracer, operation, call)


def plain(layer: Any) -> bool:
    """Whether a layer holds its weights as built: not quantised, no low-rank adapters."""
    return not getattr(layer, "lora_enabled", False) and not getattr(
        layer, "quantization_mode", None
    )


def _weights(operation: Any) -> bool:
    return bool(getattr(operation, "weights", ()))


def _call(node: Any, flows: dict[int, Flow]) -> Call:
    args, kwargs = node.arguments.fill_in(flows)
    outputs = tuple(Flow(tuple(t.shape), str(t.dtype)) for t in node.outputs)
    return Call(tuple(args), dict(kwargs), outputs, node)


def _enter(tracer: Tracer, operation: Any, nested: Any, call: Call) -> list[Flow]:
    """A nested model's inputs: each call must agree on what becomes smaller."""
    entered = []
    given = flows_of(call.args[:1] or dict(call.kwargs).get("inputs"))
    for tensor, flow in zip(nested.inputs, given, strict=True):
        layer = tensor._keras_history.operation
        if flow.rank != len(tensor.shape):
            tracer.freeze(flow, tracer.why(operation, f"{operation.name} changes its rank."))
            flow = Flow(tuple(tensor.shape), flow.dtype)
        axes: dict[int, Axis] = dict(flow.axes)
        for axis in range(1, flow.rank):
            value = axes.get(axis)
            ids = None if value is None else value.ids
            tracer.record.port(layer, f"batch_shape[{axis}]", ids, tracer.tied(operation))
        tracer.record.edit(layer, _resized(axes))
        entered.append(Flow(flow.shape, flow.dtype, axes))
    return entered


def _resized(axes: dict[int, Axis]) -> Edit:
    def edit(config: dict[str, Any], cut: Cut) -> None:
        shape = list(config["batch_shape"])
        for axis, value in axes.items():
            if shape[axis] is not None:
                shape[axis] = len(cut.keep(value.ids))
        config["batch_shape"] = tuple(shape)

    return edit


def inputs_of(functional: Any) -> list[Flow]:
    """A model's own inputs: nothing of them can go."""
    return [Flow(tuple(t.shape), str(t.dtype)) for t in tree.flatten(functional.inputs)]
