"""Which array is which input or output of a model, by names and by shapes of one example."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from prunery.screening.shapes import Shape, same
from prunery.screening.splits import Split
from prunery.specs.errors import FieldError, PruneryError
from prunery.specs.models import ModelSummary, TensorInfo

TARGETS = ("y", "label", "labels", "target", "targets", "class", "classes", "mask", "masks")
_INPUTS = ("x", "data", "input", "inputs", "image", "images", "features", "feature")
# np.savez without names calls its arrays so, in the order given.
_UNNAMED = ("arr_0", "arr_1")


@dataclass(frozen=True)
class Roles:
    """Names of arrays by input and by output; outputs without an array are left out."""

    inputs: dict[str, str]
    outputs: dict[str, str]

    @property
    def used(self) -> frozenset[str]:
        return frozenset({*self.inputs.values(), *self.outputs.values()})


def assign(
    shapes: Mapping[str, Shape],
    model: ModelSummary,
    columns: Collection[str],
    unasked: Collection[str] = (),
) -> Roles:
    """Give every input and output its array.

    shapes: of the arrays that are trained on; None for a size that is not known yet.
    columns: of a table, whose numbers are all in `x`.
    unasked: outputs that no loss asks anything of; they get labels of their own name only.
    Raises `dataset_mismatch` where names and shapes leave a doubt.
    """
    inputs = _inputs(shapes, model, columns)
    rest = {name: shape for name, shape in shapes.items() if name not in inputs.values()}
    return Roles(inputs, _outputs(rest, model, unasked))


def lacking(roles: Roles, splits: Mapping[Split, Collection[str]]) -> Iterator[FieldError]:
    """Arrays that a split, of the arrays named, ought to have."""
    for split, names in splits.items():
        for name in sorted(roles.used - set(names)):
            message = f"The {split} split has no array {name[:80]!r}."
            yield FieldError(pointer=f"/dataset/{name[:80]}", message=message)


def _inputs(
    shapes: Mapping[str, Shape], model: ModelSummary, columns: Collection[str]
) -> dict[str, str]:
    found = {tensor.name: tensor.name for tensor in model.inputs if tensor.name in shapes}
    missing = [tensor for tensor in model.inputs if tensor.name not in found]
    if not missing:
        return found
    if columns and all(tensor.name in columns for tensor in missing):
        return {**found, **{tensor.name: "x" for tensor in missing}}
    free = [name for name in shapes if name not in TARGETS and not _is_output(name, model)]
    if len(model.inputs) == 1:
        names = [*_INPUTS, *_UNNAMED[:1]]
        base = next((name for name in names if name in shapes), None)
        if base is None and len(free) == 1:
            base = free[0]
        if base is not None:
            return {model.inputs[0].name: base}
    for tensor in missing:
        left = [name for name in free if name not in found.values()]
        fitting = [name for name in left if same(shapes[name], tensor.shape)]
        if len(fitting) != 1:
            raise _unsettled(missing, shapes, "input", fitting)
        found[tensor.name] = fitting[0]
    return {tensor.name: found[tensor.name] for tensor in model.inputs}


def _outputs(
    shapes: Mapping[str, Shape], model: ModelSummary, unasked: Collection[str]
) -> dict[str, str]:
    found = {
        tensor.name: name
        for tensor in model.outputs
        for name in (f"y_{tensor.name}", tensor.name)
        if name in shapes
    }
    missing = [t for t in model.outputs if t.name not in found and t.name not in unasked]
    if not missing or not shapes:
        return found
    if len(model.outputs) == 1:
        names = [*TARGETS, *_UNNAMED[1:]]
        base = next((name for name in names if name in shapes), None)
        if base is None and len(shapes) == 1:
            base = next(iter(shapes))
        return {} if base is None else {model.outputs[0].name: base}
    for tensor in missing:
        left = [name for name in shapes if name not in found.values()]
        fitting = [name for name in left if _may_label(shapes[name], tensor)]
        if len(fitting) != 1:
            raise _unsettled(missing, shapes, "output", fitting)
        found[tensor.name] = fitting[0]
    return {tensor.name: found[tensor.name] for tensor in model.outputs if tensor.name in found}


def _is_output(name: str, model: ModelSummary) -> bool:
    return any(name in (tensor.name, f"y_{tensor.name}") for tensor in model.outputs)


def _may_label(shape: Shape, tensor: TensorInfo) -> bool:
    return (
        same(shape, tensor.shape)
        or shape == tensor.shape[:-1]
        or (len(tensor.shape) == 1 and shape in ((), (1,)))
    )


def _unsettled(
    missing: list[TensorInfo], shapes: Mapping[str, Shape], what: str, fitting: list[str]
) -> PruneryError:
    wanted = ", ".join(repr(tensor.name) for tensor in missing)[:200]
    given = ", ".join(repr(name) for name in shapes)[:200]
    why = "several fit" if len(fitting) > 1 else "none fits"
    message = f"expected an array of this name, found {given}"
    return PruneryError(
        "dataset_mismatch",
        f"The model's {what} {wanted} is to be found among the arrays {given}; {why}.",
        hint=f"Name the arrays as the model names its {what}s.",
        errors=[FieldError(pointer=f"/dataset/{one.name}", message=message) for one in missing],
    )
