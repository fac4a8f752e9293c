"""Layers that join tensors: sums, products, maxima, concatenation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from worker.engine.graph import biases, probe
from worker.engine.graph.flow import Axes, Axis, Call, Flow
from worker.engine.graph.ids import FIXED
from worker.engine.graph.tracer import Tracer


def elementwise(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """Add, Subtract, Multiply, Average, Maximum, Minimum of tensors of one rank."""
    flows = call.flows
    rank = flows[0].rank
    if type(layer).__name__ in ("Add", "Average"):
        for flow in flows[1:]:
            biases.added(tracer, layer, flows[0], flow)
    if any(flow.rank != rank for flow in flows):
        return probe.probe(tracer, layer, call)
    product = type(layer).__name__ == "Multiply"
    result: dict[int, Axis] = {}
    for axis in range(rank):
        tagged = [flow for flow in flows if axis in flow.axes]
        if not tagged:
            continue
        size = len(tagged[0].axes[axis])
        if any(_spreads(flow, axis, size) for flow in tagged) or any(
            flow.shape[axis] not in (1, size) for flow in flows
        ):
            return probe.probe(tracer, layer, call)
        result[axis] = _joined(tracer, layer, flows, axis, size, product=product)
    return [result]


def _spreads(flow: Flow, axis: int, size: int) -> bool:
    return len(flow.axes[axis]) != size


def _joined(
    tracer: Tracer, layer: Any, flows: list[Flow], axis: int, size: int, *, product: bool
) -> Axis:
    """One axis of the result; a tensor of size 1 there is spread and ties nothing."""
    full = [flow for flow in flows if flow.shape[axis] == size or axis in flow.axes]
    values = [tracer.along(flow, axis, size) for flow in full]
    for other in values[1:]:
        tracer.ids.unify(values[0].ids, other.ids, tracer.tied(layer))
    zeros = np.stack([value.zero for value in values])
    if product:
        return Axis.of(values[0].ids, np.any(zeros, axis=0))
    return Axis.of(values[0].ids, np.all(zeros, axis=0) & (len(full) == len(flows)))


def concatenate(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """Ids one after the other along `axis`; all other axes must agree."""
    flows = call.flows
    rank = flows[0].rank
    at = layer.axis % rank
    result: dict[int, Axis] = {}
    for axis in range(rank):
        tagged = [flow for flow in flows if axis in flow.axes]
        if not tagged:
            continue
        if axis != at:
            size = len(tagged[0].axes[axis])
            result[axis] = _joined(tracer, layer, flows, axis, size, product=False)
            continue
        if any(axis not in flow.axes and flow.shape[axis] is None for flow in flows):
            text = f"{tracer.path(layer)} joins them with a tensor of unknown size."
            for flow in tagged:
                tracer.freeze(flow, tracer.why(layer, text), axis)
            continue
        result[axis] = _end_to_end(flows, axis)
    return [result]


def _end_to_end(flows: list[Flow], axis: int) -> Axis:
    parts = [
        flow.axes.get(axis) or Axis.of(np.full(flow.shape[axis] or 0, FIXED, dtype=np.int64), False)
        for flow in flows
    ]
    return Axis(np.concatenate([p.ids for p in parts]), np.concatenate([p.zero for p in parts]))


def size_of(flow: Flow) -> int | None:
    """Values per example, None where a dimension is free."""
    dims = flow.shape[1:]
    return None if any(d is None for d in dims) else math.prod(d for d in dims if d is not None)
