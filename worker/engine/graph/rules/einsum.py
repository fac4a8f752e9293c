"""EinsumDense, read from its equation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from worker.engine.graph import biases
from worker.engine.graph.flow import Axes, Axis, Call, Flow
from worker.engine.graph.ids import FIXED
from worker.engine.graph.record import Cut, Edit
from worker.engine.graph.rules import activation
from worker.engine.graph.tracer import Tracer


@dataclass(frozen=True)
class _Equation:
    """Axis by label of the input, the kernel and the output; what dots stand for has no label."""

    inputs: dict[str, int]
    kernel: dict[str, int]
    output: dict[str, int]
    written: str

    @classmethod
    def of(cls, equation: str, rank_in: int, rank_out: int) -> _Equation | None:
        left, output = equation.replace(" ", "").split("->")
        inputs, kernel = left.split(",")
        sides = [inputs, kernel, output]
        if "..." in kernel or any(_repeats(side) for side in sides):
            return None
        return cls(
            _axes(inputs, rank_in),
            {label: axis for axis, label in enumerate(kernel)},
            _axes(output, rank_out),
            output.replace("...", ""),
        )

    def shape(self, x: Flow, out: Flow) -> tuple[int | None, ...]:
        """The output's, sizes that `output_shape` leaves open taken from the input."""
        sizes = list(out.shape)
        for label, at in self.output.items():
            if sizes[at] is None and label in self.inputs:
                sizes[at] = x.shape[self.inputs[label]]
        return tuple(sizes)


def einsum_dense(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """Labels of kernel and input are read, of kernel and output made, of input and output pass."""
    x, out = call.first, call.outputs[0]
    equation = _Equation.of(layer.equation, x.rank, out.rank)
    if equation is None:
        tracer.freeze(x, tracer.why(layer, f"The equation {layer.equation} repeats a label."))
        return [{}]
    labels = _kernel_labels(tracer, layer, equation, x)
    passing: dict[str, Axis] = {}
    axes: dict[int, Axis] = {}
    for axis, value in x.axes.items():
        label = next((c for c, at in equation.inputs.items() if at == axis), None)
        if label is None:
            # Under the dots, which keep their place counted from the side they are on.
            shifted = axis if layer.equation.strip().startswith("...") else axis - x.rank + out.rank
            axes[shifted] = value
        elif label not in equation.kernel and label in equation.output:
            axes[equation.output[label]] = passing[label] = value
        elif label not in equation.kernel:
            text = f"{tracer.path(layer)} sums over it without a weight."
            tracer.freeze(x, tracer.why(layer, text), axis)
    for label, value in labels.items():
        if label in equation.output:
            axes[equation.output[label]] = Axis.of(value.ids, True)
    if layer.bias is not None:
        axes = _biased(tracer, layer, axes, Flow(equation.shape(x, out)))
    tracer.record.edit(layer, _resized(equation, labels | passing))
    return [activation.after(tracer, layer, layer.activation, axes)]


def _kernel_labels(tracer: Tracer, layer: Any, equation: _Equation, x: Flow) -> dict[str, Axis]:
    labels: dict[str, Axis] = {}
    for label, axis in equation.kernel.items():
        if label not in equation.inputs:
            labels[label] = Axis.of(tracer.record.produce(layer.kernel, axis), True)
            continue
        value = tracer.along(x, equation.inputs[label], int(layer.kernel.shape[axis]))
        role = "channel" if label in equation.output else "in"
        tracer.reads(layer, layer.kernel, axis, value, role)
        if equation.inputs[label] in x.axes:
            labels[label] = value
    return labels


def _biased(tracer: Tracer, layer: Any, axes: dict[int, Axis], out: Flow) -> dict[int, Axis]:
    """The bias is aligned with the output from the right; it fills what it does not follow."""
    bias: dict[int, np.ndarray] = {}
    for axis, size in enumerate(layer.bias.shape):
        at = axis + out.rank - len(layer.bias.shape)
        if size > 1 and at in axes:
            tracer.follows(layer, layer.bias, axis, axes[at].ids)
        value = axes.get(at)
        bias[at] = np.full(size, FIXED) if value is None or size == 1 else value.ids
    biases.guard(tracer, layer, out, axes, bias)
    return {at: value.with_zero(at in bias and len(bias[at]) > 1) for at, value in axes.items()}


def _resized(equation: _Equation, labels: dict[str, Axis]) -> Edit:
    def edit(config: dict[str, Any], cut: Cut) -> None:
        given = config["output_shape"]
        sizes = [given] if isinstance(given, int) else list(given)
        for back, label in enumerate(reversed(equation.written[-len(sizes) :]), 1):
            if label in labels and sizes[-back] is not None:
                sizes[-back] = len(cut.keep(labels[label].ids))
        config["output_shape"] = sizes[0] if isinstance(given, int) else tuple(sizes)

    return edit


def _axes(side: str, rank: int) -> dict[str, int]:
    before, dots, after = side.partition("...")
    axes = {label: axis for axis, label in enumerate(before)}
    start = rank - len(after) if dots else len(before)
    return axes | {label: start + n for n, label in enumerate(after)}


def _repeats(side: str) -> bool:
    letters = side.replace("...", "")
    return len(set(letters)) != len(letters)
