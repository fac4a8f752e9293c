"""EinsumDense, read from its equation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from worker.engine.graph.flow import Axes, Axis, Call, Flow
from worker.engine.graph.record import Cut
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


def einsum_dense(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """Labels of kernel and input are read, of kernel and output made, of input and output pass."""
    x, out = call.first, call.outputs[0]
    equation = _Equation.of(layer.equation, x.rank, out.rank)
    if equation is None:
        tracer.freeze(x, tracer.why(layer, f"The equation {layer.equation} repeats a label."))
        return [{}]
    labels = _kernel_labels(tracer, layer, equation, x)
    axes: dict[int, Axis] = {}
    for axis, value in x.axes.items():
        label = next((c for c, at in equation.inputs.items() if at == axis), None)
        if label is None:
            # Under the dots, which keep their place counted from the side they are on.
            shifted = axis if layer.equation.strip().startswith("...") else axis - x.rank + out.rank
            axes[shifted] = value.with_zero(layer.bias is None)
        elif label not in equation.kernel and label in equation.output:
            axes[equation.output[label]] = value.with_zero(layer.bias is None)
        elif label not in equation.kernel:
            text = f"{tracer.path(layer)} sums over it without a weight."
            tracer.freeze(x, tracer.why(layer, text), axis)
    for label, value in labels.items():
        if label in equation.output:
            at = equation.output[label]
            biased = _bias(tracer, layer, value, at, out.rank, out.shape[-1])
            axes[at] = Axis.of(value.ids, layer.bias is None or biased)
    tracer.record.edit(layer, _resized(layer, equation, labels))
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


def _bias(tracer: Tracer, layer: Any, value: Axis, at: int, rank: int, last: int | None) -> bool:
    """The bias is aligned with the output from the right; True where it has this axis."""
    if layer.bias is None:
        return False
    axis = at - (rank - len(layer.bias.shape))
    if axis < 0 or int(layer.bias.shape[axis]) != len(value):
        return False
    tracer.follows(layer, layer.bias, axis, value.ids)
    if at == 1 and rank > 2:
        tracer.biased_before(layer, value.ids, last)
    return True


def _resized(layer: Any, equation: _Equation, labels: dict[str, Axis]) -> Any:
    def edit(config: dict[str, Any], cut: Cut) -> None:
        given = config["output_shape"]
        sizes = [given] if isinstance(given, int) else list(given)
        for back, label in enumerate(reversed(equation.written[-len(sizes) :]), 1):
            if label in labels and sizes[-back] is not None:
                sizes[-back] = len(cut.keep(labels[label].ids))
        config["output_shape"] = sizes[0] if isinstance(given, int) else tuple(sizes)

    del layer
    return edit


def _axes(side: str, rank: int) -> dict[str, int]:
    before, dots, after = side.partition("...")
    axes = {label: axis for axis, label in enumerate(before)}
    start = rank - len(after) if dots else len(before)
    return axes | {label: start + n for n, label in enumerate(after)}


def _repeats(side: str) -> bool:
    letters = side.replace("...", "")
    return len(set(letters)) != len(letters)
