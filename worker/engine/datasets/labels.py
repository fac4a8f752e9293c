"""What labels are, and the form in which one output of the model takes them.

integers, strings   one class an example; mapped to 0.. where they are not that already
one_hot             one column a class
multi_label         several classes an example, one column each
values              numbers to be met
per_position        one class (or 0/1) at every position of the output
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from prunery.screening import labelling
from prunery.screening.labelling import LabelKind
from prunery.screening.outputs import Output
from prunery.screening.shapes import same, text
from prunery.specs.errors import FieldError, of_fields
from prunery.specs.models import TaskKind
from worker.engine.datasets import positions
from worker.engine.datasets.chunks import chunks
from worker.engine.datasets.classes import BINARY_HINT, classes, enough
from worker.engine.datasets.occurrences import Numbers, range_text
from worker.engine.datasets.plans import Plan, argmax, default_names, floats
from worker.engine.datasets.refusals import mismatch


def plan(
    arrays: Mapping[str, np.ndarray],
    output: Output,
    *,
    named: tuple[str, ...] | None = None,
    forced: str = "auto",
) -> Plan:
    """Decide what labels are; `arrays` by split, training first, `named` are classes of folders."""
    first = next(iter(arrays.values()))
    shape = first.shape[1:]
    if first.dtype.kind == "U":
        _require(forced, "strings", output, single=True)
        return classes(arrays, output, named, forced)
    numbers = Numbers.of(arrays)
    if forced != "auto":
        _require(forced, _kind(arrays, numbers), output, single=shape in ((), (1,)))
    if shape in ((), (1,)) and len(output.info.shape) <= 1:
        return _single(arrays, output, named, forced, numbers)
    if shape == output.info.shape or same(shape, output.info.shape):
        return _alike(arrays, output, forced, numbers)
    places = output.info.shape[:-1]
    if len(output.info.shape) > 1 and (same(shape, places) or same(shape, (*places, 1))):
        return positions.numbered(output, numbers)
    expected = f"labels of shape {text(output.info.shape)}"
    if places:
        expected += f" or, for class numbers, {text(places)}"
    raise mismatch(
        output.info.name,
        expected,
        text(shape),
        "Give one label for each example, in the shape of the model's output.",
    )


def _kind(arrays: Mapping[str, np.ndarray], numbers: Numbers) -> LabelKind:
    """What the labels look like, whatever the model makes of them."""
    shape = next(iter(arrays.values())).shape[1:]
    if shape in ((), (1,)):
        return "integers" if numbers.whole else "values"
    if len(shape) > 1:
        return "per_position"
    if not numbers.is_zero_one:
        return "values"
    return "one_hot" if all(_one_each(array) for array in arrays.values()) else "multi_label"


def _require(forced: str, kind: LabelKind, output: Output, *, single: bool) -> None:
    """Raise `recipe_invalid` where `data.labels` names what these labels are not."""
    message = labelling.refusal(forced, kind, output.width, single, output.loss)
    if message is not None:
        raise of_fields([FieldError(pointer="/data/labels", message=message)])


def _single(
    arrays: Mapping[str, np.ndarray],
    output: Output,
    named: tuple[str, ...] | None,
    forced: str,
    numbers: Numbers,
) -> Plan:
    """One number an example: a class, or a value."""
    width = output.width
    if width == 1:
        binary = output.is_binary or named is not None
        if forced == "values" or (forced == "auto" and not binary):
            return Plan("values", "regression", _column)
        if numbers.whole or named is not None:
            return classes(arrays, output, named, forced)
        if numbers.low >= 0 and numbers.high <= 1:
            return Plan("values", "binary", _column)
        raise mismatch(
            output.info.name,
            "two classes, or numbers from 0 to 1",
            range_text(numbers),
            BINARY_HINT,
        )
    if not numbers.whole:
        raise mismatch(
            output.info.name,
            f"{width} values or one class number for each example",
            "a single number that is no class",
            "The model's last layer needs one unit to predict one number.",
        )
    return classes(arrays, output, named, forced)


def _alike(arrays: Mapping[str, np.ndarray], output: Output, forced: str, numbers: Numbers) -> Plan:
    """Labels in the shape of the output itself."""
    if len(output.info.shape) > 1:
        return positions.alike(output, numbers)
    strata: dict[str, np.ndarray] = {}
    kind = forced
    if forced == "auto":
        single = numbers.is_zero_one and all(_one_each(array) for array in arrays.values())
        if single and not output.is_binary and not output.is_numeric:
            kind = "one_hot"
        elif numbers.is_zero_one and not output.is_numeric and not output.wants_one_hot:
            kind = "multi_label"
        else:
            kind = "values"
    if kind == "one_hot":
        strata = {split: np.argmax(np.asarray(array), axis=1) for split, array in arrays.items()}
        enough(next(iter(strata.values())), output)
        classes = default_names(output.width)
        if output.is_sparse:
            note = "One-hot labels were turned into class numbers, which the loss takes."
            return Plan("integers", "multiclass", argmax, classes, None, strata, (note,))
        return Plan("one_hot", "multiclass", floats, classes, None, strata)
    if output.is_sparse:
        raise mismatch(
            output.info.name,
            "one class number for each example, as the sparse loss takes",
            f"{output.width} numbers for each example",
            "Set training.loss to a loss that takes such labels.",
        )
    if kind == "multi_label":
        return Plan("multi_label", "multilabel", floats, default_names(output.width))
    task: TaskKind = "regression"
    if output.is_binary and (numbers.low < 0 or numbers.high > 1):
        raise mismatch(
            output.info.name,
            "labels of 0 and 1, or numbers between them",
            range_text(numbers),
            "A binary loss compares shares: write 0 for no and 1 for yes.",
        )
    if output.wants_one_hot or output.activation in ("softmax", "log_softmax"):
        if not output.is_numeric and (numbers.low < 0 or numbers.high > 1):
            raise mismatch(
                output.info.name,
                "class numbers, one-hot rows or shares from 0 to 1",
                range_text(numbers),
                "The model answers with shares that sum to 1.",
            )
        task = "multiclass"
    return Plan("values", task, floats)


def _one_each(array: np.ndarray) -> bool:
    return all(bool(np.all(np.asarray(array[rows]).sum(axis=-1) == 1)) for rows in chunks(array))


def _column(block: np.ndarray) -> np.ndarray:
    return np.asarray(block, np.float32).reshape(len(block), 1)
