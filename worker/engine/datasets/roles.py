"""Which array is which input or output of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from prunery.screening.splits import Split, base_and_split
from prunery.specs.errors import FieldError, PruneryError
from prunery.specs.models import ModelSummary, TensorInfo
from worker.engine.datasets.raw import Source

_TARGETS = ("y", "label", "labels", "target", "targets", "class", "classes", "mask", "masks")
_INPUTS = ("x", "data", "input", "inputs", "image", "images", "features", "feature")
# np.savez without names calls its arrays so, in the order given.
_UNNAMED = ("arr_0", "arr_1")


@dataclass
class Roles:
    """Arrays by split, then by input and by output name."""

    x: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    y: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def settle(source: Source, model: ModelSummary, unasked: frozenset[str] = frozenset()) -> Roles:
    """Give every input and output its array; outputs without one are left out.

    unasked: outputs that no loss asks anything of; they get labels of their own name only.
    """
    grouped: dict[Split, dict[str, np.ndarray]] = {}
    for name, array in source.arrays.items():
        base, split = base_and_split(name)
        grouped.setdefault(split, {})[base] = array
    first: Split = "train" if "train" in grouped else "all"
    bases = grouped[first]
    inputs = _inputs(bases, source, model)
    outputs = _outputs({k: v for k, v in bases.items() if k not in inputs.values()}, model, unasked)
    roles = Roles()
    used = {*inputs.values(), *outputs.values()}
    for split, arrays in grouped.items():
        missing = sorted(used - set(arrays))
        if missing:
            raise PruneryError(
                "dataset_invalid", f"The {split} split has no array {missing[0][:80]!r}."
            )
        roles.x[split] = {key: _column(arrays, base, key, source) for key, base in inputs.items()}
        roles.y[split] = {key: arrays[base] for key, base in outputs.items()}
    spare = sorted(set(bases) - used)
    if spare:
        roles.notes.append(f"Arrays that the model has no use for: {', '.join(spare)[:200]}.")
    return roles


def _inputs(bases: Mapping[str, np.ndarray], source: Source, model: ModelSummary) -> dict[str, str]:
    found: dict[str, str] = {}
    for tensor in model.inputs:
        if tensor.name in bases:
            found[tensor.name] = tensor.name
    missing = [tensor for tensor in model.inputs if tensor.name not in found]
    if not missing:
        return found
    if source.columns and all(tensor.name in source.columns for tensor in missing):
        return {**found, **{tensor.name: "x" for tensor in missing}}
    if len(model.inputs) == 1:
        names = [*_INPUTS, *_UNNAMED[:1]]
        base = next((name for name in names if name in bases), None)
        rest = [name for name in bases if name not in _TARGETS and not _is_output(name, model)]
        if base is None and len(rest) == 1:
            base = rest[0]
        if base is not None:
            return {model.inputs[0].name: base}
    taken = set(found.values())
    for tensor in missing:
        fitting = [
            name
            for name, array in bases.items()
            if name not in taken
            and name not in _TARGETS
            and not _is_output(name, model)
            and _fits(array.shape[1:], tensor)
        ]
        if len(fitting) != 1:
            raise _unsettled(missing, bases, "input", fitting)
        found[tensor.name] = fitting[0]
        taken.add(fitting[0])
    return {tensor.name: found[tensor.name] for tensor in model.inputs}


def _outputs(
    bases: Mapping[str, np.ndarray], model: ModelSummary, unasked: frozenset[str]
) -> dict[str, str]:
    found = {
        tensor.name: name
        for tensor in model.outputs
        for name in (f"y_{tensor.name}", tensor.name)
        if name in bases
    }
    missing = [t for t in model.outputs if t.name not in found and t.name not in unasked]
    if not missing or not bases:
        return found
    if len(model.outputs) == 1:
        names = [*_TARGETS, *_UNNAMED[1:]]
        base = next((name for name in names if name in bases), None)
        if base is None and len(bases) == 1:
            base = next(iter(bases))
        return {} if base is None else {model.outputs[0].name: base}
    taken = set(found.values())
    for tensor in missing:
        fitting = [
            name
            for name, array in bases.items()
            if name not in taken and _may_label(array.shape[1:], tensor)
        ]
        if len(fitting) != 1:
            raise _unsettled(missing, bases, "output", fitting)
        found[tensor.name] = fitting[0]
        taken.add(fitting[0])
    return {tensor.name: found[tensor.name] for tensor in model.outputs if tensor.name in found}


def _column(arrays: Mapping[str, np.ndarray], base: str, key: str, source: Source) -> np.ndarray:
    if base == "x" and source.columns and key in source.columns:
        at = source.columns.index(key)
        return arrays[base][:, at : at + 1]
    return arrays[base]


def _is_output(name: str, model: ModelSummary) -> bool:
    return any(name in (tensor.name, f"y_{tensor.name}") for tensor in model.outputs)


def _fits(shape: tuple[int, ...], tensor: TensorInfo) -> bool:
    return len(shape) == len(tensor.shape) and all(
        want is None or want == size for size, want in zip(shape, tensor.shape, strict=True)
    )


def _may_label(shape: tuple[int, ...], tensor: TensorInfo) -> bool:
    return (
        _fits(shape, tensor)
        or shape == tensor.shape[:-1]
        or (len(tensor.shape) == 1 and shape in ((), (1,)))
    )


def _unsettled(
    missing: list[TensorInfo],
    bases: Mapping[str, np.ndarray],
    what: str,
    fitting: list[str],
) -> PruneryError:
    wanted = ", ".join(repr(tensor.name) for tensor in missing)[:200]
    given = ", ".join(repr(name) for name in bases)[:200]
    why = "several fit" if len(fitting) > 1 else "none fits"
    return PruneryError(
        "dataset_mismatch",
        f"The model's {what} {wanted} is to be found among the arrays {given}; {why}.",
        hint=f"Name the arrays as the model names its {what}s.",
        errors=[
            FieldError(
                pointer=f"/dataset/{tensor.name}",
                message=f"expected an array of this name, found {given}",
            )
            for tensor in missing
        ],
    )
