"""One class an example: from texts, names of folders or whole numbers to class numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from prunery.screening.outputs import Output
from prunery.screening.shapes import text
from prunery.specs.errors import FieldError, PruneryError
from worker.engine.datasets.plans import MAX_NAMED_CLASSES, Convert, Plan, one_hot
from worker.engine.datasets.refusals import mismatch

BINARY_HINT = "A sigmoid output with a binary loss takes labels 0 and 1."


def classes(
    arrays: Mapping[str, np.ndarray],
    output: Output,
    named: tuple[str, ...] | None,
    forced: str,
) -> Plan:
    """One class an example, from texts, folder names or whole numbers."""
    if len(output.info.shape) > 1:
        raise mismatch(
            output.info.name,
            f"labels of shape {text(output.info.shape)}",
            "one class for each example",
            "This model answers at every position: its labels must have positions too.",
        )
    _check_loss(output)
    flat = {split: np.asarray(array).reshape(len(array)) for split, array in arrays.items()}
    distinct = np.unique(np.concatenate([np.unique(values) for values in flat.values()]))
    units = 2 if output.width == 1 else output.width or len(distinct)
    enough(next(iter(flat.values())), output)
    lookup, names, notes = _lookup(distinct, units, named, output)
    strata = {split: lookup(values) for split, values in flat.items()}
    wide = output.wants_one_hot and output.width != 1
    wide = (wide or forced == "one_hot") and not output.is_sparse
    mapping = None
    if named is None and (distinct.dtype.kind == "U" or not _counts_from_zero(distinct, units)):
        mapping = {_word(value): int(lookup(np.array([value]))[0]) for value in distinct}
    return Plan(
        kind="one_hot" if wide else "integers",
        task="binary" if output.width == 1 else "multiclass",
        convert=_conversion(lookup, units, wide=wide, binary=output.width == 1),
        classes=names,
        mapping=mapping,
        strata=strata,
        notes=notes,
    )


def _conversion(lookup: Convert, units: int, *, wide: bool, binary: bool) -> Convert:
    if wide:
        return lambda block: one_hot(lookup(block), units)
    if binary:
        return lambda block: lookup(block)[:, None].astype(np.float32)
    return lookup


def _check_loss(output: Output) -> None:
    """Raise `loss_mismatch` where the loss cannot work with one class for each example."""
    instead = output.instead_for_classes
    if instead is not None:
        units = f"{output.width} unit" + ("" if output.width == 1 else "s")
        raise PruneryError(
            "loss_mismatch",
            f"The loss does not fit one class for each example and an output of {units}.",
            hint=f'Set training.loss to "{instead}".',
            errors=[FieldError(pointer="/training/loss", message=f'Write "{instead}".')],
        )


def _lookup(
    distinct: np.ndarray, units: int, named: tuple[str, ...] | None, output: Output
) -> tuple[Convert, tuple[str, ...] | None, tuple[str, ...]]:
    """From raw labels to class numbers; names of the classes; what to tell about it."""
    if named is not None:
        if len(named) > units:
            raise _too_many(output, len(named), units)
        notes = _unused(len(named), units)
        return _numbers, _padded(named, units), notes
    if distinct.dtype.kind != "U" and _counts_from_zero(distinct, units):
        names = tuple(str(i) for i in range(units)) if units <= MAX_NAMED_CLASSES else None
        return _numbers, names, ()
    texts = distinct.dtype.kind == "U"
    if len(distinct) > units or (not texts and len(distinct) < units):
        raise _too_many(output, len(distinct), units, None if texts else distinct)
    names = tuple(_word(value) for value in distinct)
    notes = ("Labels were numbered in sorted order; see the mapping.", *_unused(len(names), units))

    def number(block: np.ndarray) -> np.ndarray:
        return np.searchsorted(distinct, np.asarray(block).reshape(len(block))).astype(np.int32)

    return number, _padded(names, units), notes


def _numbers(block: np.ndarray) -> np.ndarray:
    return np.asarray(block).reshape(len(block)).astype(np.int32)


def _counts_from_zero(distinct: np.ndarray, units: int) -> bool:
    return bool(distinct[0] >= 0 and distinct[-1] < units)


def _padded(names: tuple[str, ...], units: int) -> tuple[str, ...]:
    return (*names, *(f"(unused {index})" for index in range(len(names), units)))


def _unused(count: int, units: int) -> tuple[str, ...]:
    if count == units:
        return ()
    return (f"The data have {count} classes, the model {units} outputs: the rest stay unused.",)


def _word(value: object) -> str:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def enough(train: np.ndarray, output: Output) -> None:
    if len(np.unique(train[:100_000])) < 2 and len(np.unique(train)) < 2:
        raise PruneryError(
            "dataset_invalid",
            f"All training labels for {output.info.name[:80]!r} are the same: nothing to learn.",
            hint="A classifier needs examples of at least two classes.",
        )


def _too_many(
    output: Output, count: int, units: int, distinct: np.ndarray | None = None
) -> PruneryError:
    expected = f"{units} classes" if distinct is None else f"labels from 0 to {units - 1}"
    found = (
        f"{count} classes"
        if distinct is None
        else f"labels from {_word(distinct[0])} to {_word(distinct[-1])}"
    )
    if output.width == 1:
        hint = BINARY_HINT
    else:
        hint = (
            f"The model's output {output.info.name[:80]!r} has {units} units, one for each class."
        )
    return mismatch(output.info.name, expected, found, hint)
