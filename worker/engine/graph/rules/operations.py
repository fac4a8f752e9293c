"""Operations of keras.ops that are met often; the probe knows them too, only slower."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from keras import ops, tree
from keras.src.ops import core, nn
from keras.src.ops import numpy as numpy_ops

from worker.engine.graph import biases, editors, probe
from worker.engine.graph.flow import Axes, Call, Flow
from worker.engine.graph.rules import merging
from worker.engine.graph.rules.shaping import moved
from worker.engine.graph.tracer import Tracer

# Each output value depends on the values at its own place alone.
ELEMENTWISE = (
    numpy_ops.Add, numpy_ops.Subtract, numpy_ops.Multiply, numpy_ops.Divide, numpy_ops.TrueDivide,
    numpy_ops.Maximum, numpy_ops.Minimum, numpy_ops.Power, numpy_ops.Negative, numpy_ops.Absolute,
    numpy_ops.Square, numpy_ops.Sqrt, numpy_ops.Exp, numpy_ops.Log, numpy_ops.Clip, numpy_ops.Tanh,
    numpy_ops.Sign, numpy_ops.Round, numpy_ops.Sin, numpy_ops.Cos, numpy_ops.NotEqual,
    numpy_ops.Equal, core.Cast, nn.Relu, nn.Relu6, nn.Sigmoid, nn.Silu, nn.Gelu, nn.Elu, nn.Selu,
    nn.LeakyRelu, nn.Softplus, nn.Softsign, nn.HardSigmoid, nn.HardSilu,
)  # fmt: skip


def elementwise(tracer: Tracer, operation: Any, call: Call) -> list[Axes]:
    """One tensor, or several of one rank, and plain numbers."""
    if isinstance(operation, numpy_ops.Add):
        x, other = call.argument(0, "x1"), call.argument(1, "x2")
        if isinstance(x, Flow):
            biases.added(tracer, operation, x, other)
    if not all(_plain(leaf) for leaf in tree.flatten((call.args, dict(call.kwargs)))):
        return probe.probe(tracer, operation, call)
    if len(call.flows) > 1:
        axes = merging.elementwise(tracer, operation, call)
        if isinstance(operation, numpy_ops.Multiply | numpy_ops.Add | numpy_ops.Subtract):
            return axes
    else:
        axes = [dict(call.first.axes)]
    value = _where_removed(operation, call)
    if not np.isfinite(value):
        text = f"{tracer.path(operation)} has no finite value where a channel was removed."
        for flow in call.flows:
            tracer.freeze(flow, tracer.why(operation, text))
    return [{a: known.through(value == 0) for a, known in one.items()} for one in axes]


def transpose(_tracer: Tracer, operation: Any, call: Call) -> list[Axes]:
    """The axes in another order."""
    x = call.first
    order = operation.axes or tuple(reversed(range(x.rank)))
    old = [axis % x.rank for axis in order]
    return [{new: x.axes[at] for new, at in enumerate(old) if at in x.axes}]


def reshape(tracer: Tracer, operation: Any, call: Call) -> list[Axes]:
    """Row-major, where the batch stays the batch."""
    x, out = call.first, call.outputs[0]
    sizes = (*x.shape[1:], *out.shape[1:])
    known = x.rank > 1 and out.rank > 1 and None not in sizes and x.shape[0] == out.shape[0]
    if not known or math.prod(x.shape[1:]) != math.prod(out.shape[1:]):  # type: ignore[arg-type]
        return probe.probe(tracer, operation, call)
    axes = moved(tracer, operation, x, out, lambda index: index.reshape(out.shape[1:]))
    found = editors.editors(operation, call, [axes])
    for axis in range(1, out.rank):
        value = axes.get(axis)
        ids = None if value is None else value.ids
        tracer.record.port(operation, f"newshape[{axis}]", ids, tracer.tied(operation))
    if found.config is not None:
        tracer.record.edit(operation, found.config)
    return [axes]


def _plain(leaf: Any) -> bool:
    return leaf is None or isinstance(leaf, Flow | int | float | str)


def _where_removed(operation: Any, call: Call) -> float:
    """What comes out where a channel was removed, of 0 or, where it need not be 0, of 0.5."""

    def fill(leaf: Any) -> Any:
        if not isinstance(leaf, Flow):
            return leaf
        zero = any(value.zero.any() for value in leaf.axes.values())
        return ops.cast(0.0 if zero else 0.5 if "float" in leaf.dtype else 1, leaf.dtype)

    args, kwargs = tree.map_structure(fill, (call.args, dict(call.kwargs)))
    return float(ops.convert_to_numpy(operation(*args, **kwargs)))
