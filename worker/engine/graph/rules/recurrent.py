"""Recurrence: units are tiled over the gates and along the recurrent kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import layers, tree

from worker.engine.graph.flow import Axes, Axis, Call, Flow
from worker.engine.graph.record import Cut
from worker.engine.graph.rules import activation
from worker.engine.graph.tracer import Tracer

_GATES: dict[type, int] = {layers.SimpleRNNCell: 1, layers.GRUCell: 3, layers.LSTMCell: 4}


@dataclass(frozen=True)
class _Cell:
    """What a cell gives: its units, and those of each state."""

    output: Axis
    states: list[Axis]
    edit: Callable[[dict[str, Any], Cut], None]


def recurrent(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """SimpleRNN, GRU, LSTM, and RNN around cells of these kinds or a stack of them."""
    x = call.first
    _freeze_time(tracer, layer, x)
    value = tracer.along(x, -1, _width(layer.cell))
    found = _cell(tracer, layer, layer.cell, value)
    if found is None:
        text = f"No rule knows how the cell {type(layer.cell).__name__} uses its weights."
        tracer.freeze(x, tracer.why(layer, text))
        return [{} for _ in call.outputs]
    zero = _started(tracer, layer, call.argument(1, "initial_state"), found.states)
    whole = type(layer) is layers.RNN

    def edit(config: dict[str, Any], cut: Cut) -> None:
        found.edit(config["cell"]["config"] if whole else config, cut)

    tracer.record.edit(layer, edit)
    axes = [found.output, *found.states]
    return [
        {flow.rank - 1: one.with_zero(zero)} for flow, one in zip(call.outputs, axes, strict=False)
    ]


def convolutional(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """ConvLSTM: kernel (size..., in, 4 * units), recurrent_kernel (size..., units, 4 * units)."""
    x = call.first
    cell = layer.cell
    first = cell.data_format == "channels_first"
    at = 2 if first else x.rank - 1
    for axis in x.without(at):
        tracer.freeze(x, tracer.why(layer, f"{tracer.path(layer)} works along it."), axis)
    rank = len(cell.kernel.shape)
    value = tracer.along(x, at, int(cell.kernel.shape[-2]))
    units = tracer.ids.fresh(int(cell.recurrent_kernel.shape[-2]))
    known = tracer.record.variables.get((id(cell.recurrent_kernel), rank - 2))
    units = units if known is None else known.ids
    tracer.reads(layer, cell.kernel, rank - 2, value)
    _gates(tracer, layer, cell, units, 4)
    out = Axis.of(units, activation.keeps_zero(cell.activation))
    if not _separate(tracer, layer, cell, units):
        out = Axis.of(units, False)
    zero = _started(tracer, layer, call.argument(1, "initial_state"), [out, out], first=first)

    def edit(config: dict[str, Any], cut: Cut) -> None:
        config["filters"] = len(cut.keep(units))

    tracer.record.edit(layer, edit)
    result: list[Axes] = []
    for number, flow in enumerate(call.outputs):
        sequence = number == 0 and layer.return_sequences
        axis = (2 if sequence else 1) if first else flow.rank - 1
        result.append({axis: out.with_zero(zero)})
    return result


def _cell(tracer: Tracer, layer: Any, cell: Any, value: Axis) -> _Cell | None:
    if type(cell) is layers.StackedRNNCells:
        return _stack(tracer, layer, cell, value)
    gates = _GATES.get(type(cell))
    if gates is None:
        return None
    tracer.adopt(cell, layer)
    tracer.reads(layer, cell.kernel, 0, value)
    units = tracer.record.produce(cell.recurrent_kernel, 0, "self")
    _gates(tracer, layer, cell, units, gates)
    zero = _separate(tracer, layer, cell, units) and activation.keeps_zero(cell.activation)
    out = Axis.of(units, zero)

    def edit(config: dict[str, Any], cut: Cut) -> None:
        config["units"] = len(cut.keep(units))

    return _Cell(out, [out, out] if gates == 4 else [out], edit)


def _stack(tracer: Tracer, layer: Any, stack: Any, value: Axis) -> _Cell | None:
    found = []
    for cell in stack.cells:
        one = _cell(tracer, layer, cell, value)
        if one is None:
            return None
        found.append(one)
        value = one.output

    def edit(config: dict[str, Any], cut: Cut) -> None:
        for inner, one in zip(config["cells"], found, strict=True):
            one.edit(inner["config"], cut)

    return _Cell(value, [state for one in found for state in one.states], edit)


def _gates(tracer: Tracer, layer: Any, cell: Any, units: np.ndarray, gates: int) -> None:
    tiled = np.tile(units, gates)
    rank = len(cell.kernel.shape)
    tracer.follows(layer, cell.kernel, rank - 1, tiled, "out")
    tracer.follows(layer, cell.recurrent_kernel, rank - 2, units, "self")
    tracer.follows(layer, cell.recurrent_kernel, rank - 1, tiled, "out")
    if cell.use_bias:
        # GRU's reset_after keeps two biases, (2, 3 * units).
        tracer.follows(layer, cell.bias, len(cell.bias.shape) - 1, tiled, "bias")


def _separate(tracer: Tracer, layer: Any, cell: Any, units: np.ndarray) -> bool:
    """Whether the cell's activations act on each unit by itself; else its units are frozen."""
    functions = (cell.activation, getattr(cell, "recurrent_activation", None))
    if all(activation.elementwise(function) for function in functions):
        return True
    tracer.ids.freeze(units, tracer.why(layer, "Its activation mixes channels."))
    return False


def _started(
    tracer: Tracer, layer: Any, given: Any, states: list[Axis], *, first: bool = False
) -> bool:
    """Tie initial states to the units; returns whether removed units start at 0."""
    flows = [flow for flow in tree.flatten(given) if isinstance(flow, Flow)]
    zero = given is None or len(flows) == len(tree.flatten(given))
    for flow, state in zip(flows, states, strict=False):
        axis = 1 if first else -1
        start = tracer.along(flow, axis, len(state))
        tracer.ids.unify(state.ids, start.ids, tracer.tied(layer))
        for other in flow.without(axis):
            tracer.freeze(flow, tracer.why(layer, f"{tracer.path(layer)} works along it."), other)
        zero = zero and bool(start.zero.all())
    if given is not None and not flows:
        text = f"{tracer.path(layer)} starts from a constant state."
        for state in states:
            tracer.ids.freeze(state.ids, tracer.why(layer, text))
    return zero


def _freeze_time(tracer: Tracer, layer: Any, x: Flow) -> None:
    for axis in x.without(-1):
        tracer.freeze(x, tracer.why(layer, f"{tracer.path(layer)} steps along it."), axis)


def _width(cell: Any) -> int:
    while hasattr(cell, "cells"):
        cell = cell.cells[0]
    kernel = getattr(cell, "kernel", None)
    return 0 if kernel is None else int(kernel.shape[0])
