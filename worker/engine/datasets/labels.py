"""What labels are, and the form in which one output of the model takes them.

integers, strings   one class an example; mapped to 0.. where they are not that already
one_hot             one column a class
multi_label         several classes an example, one column each
values              numbers to be met
per_position        one class (or 0/1) at every position of the output
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from prunery.specs.errors import FieldError, PruneryError
from prunery.specs.models import TaskKind, TensorInfo
from worker.engine.datasets.scaling import chunks

MAX_NAMED_CLASSES = 1_000
Convert = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Output:
    """An output of the model, as far as labels are concerned."""

    info: TensorInfo
    loss: str
    activation: str

    @property
    def width(self) -> int | None:
        """Size of the last axis: the number of classes, where there are classes."""
        return self.info.shape[-1] if self.info.shape else 1

    @property
    def wants_one_hot(self) -> bool:
        """Tell whether the loss compares distributions, not class numbers."""
        return "categorical" in self.loss and "sparse" not in self.loss

    @property
    def is_sparse(self) -> bool:
        """Tell whether the loss takes class numbers."""
        return "sparse" in self.loss

    @property
    def is_numeric(self) -> bool:
        """Tell whether the loss is one for numbers."""
        words = ("squared", "absolute", "mse", "mae", "mape", "msle", "huber", "logcosh", "poisson")
        return any(word in self.loss for word in words)

    @property
    def is_binary(self) -> bool:
        """Tell whether each unit of the output answers yes or no."""
        return "binary" in self.loss or (not self.loss and self.activation == "sigmoid")


@dataclass(frozen=True)
class Plan:
    """How raw labels become what the loss takes; `convert` works on a block of examples.

    `strata` are class numbers by which splits are drawn, of the arrays in the order given.
    """

    kind: str
    task: TaskKind
    convert: Convert
    classes: tuple[str, ...] | None = None
    mapping: dict[str, int] | None = None
    strata: dict[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


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
        return _classes(arrays, output, named, forced)
    numbers = _Numbers.of(arrays)
    if shape in ((), (1,)) and len(output.info.shape) <= 1:
        return _single(arrays, output, named, forced, numbers)
    if shape == output.info.shape or _fits(shape, output.info.shape):
        return _alike(arrays, output, forced, numbers)
    positions = output.info.shape[:-1]
    if _fits(shape, positions) or _fits(shape, (*positions, 1)):
        return _positions(output, numbers)
    raise mismatch(
        output.info.name,
        f"labels of shape {_shape(output.info.shape)} or, for class numbers, {_shape(positions)}",
        _shape(shape),
        "Give one label for each example, in the shape of the model's output.",
    )


@dataclass(frozen=True)
class _Numbers:
    """What occurs in arrays of numbers."""

    low: float
    high: float
    whole: bool
    distinct: tuple[float, ...] | None

    @staticmethod
    def of(arrays: Mapping[str, np.ndarray]) -> _Numbers:
        low, high, whole = np.inf, -np.inf, True
        seen: set[float] | None = set()
        for array in arrays.values():
            for rows in chunks(array):
                block = np.asarray(array[rows])
                low, high = min(low, float(block.min())), max(high, float(block.max()))
                if block.dtype.kind == "f" and whole:
                    whole = bool(np.all(block == np.rint(block)))
                if seen is not None:
                    seen.update(np.unique(block).tolist())
                    seen = seen if len(seen) <= 10 * MAX_NAMED_CLASSES else None
        return _Numbers(low, high, whole, None if seen is None else tuple(sorted(seen)))

    @property
    def is_zero_one(self) -> bool:
        return self.distinct is not None and set(self.distinct) <= {0, 1}


def _single(
    arrays: Mapping[str, np.ndarray],
    output: Output,
    named: tuple[str, ...] | None,
    forced: str,
    numbers: _Numbers,
) -> Plan:
    """One number an example: a class, or a value."""
    width = output.width
    if width == 1:
        binary = output.is_binary or (named is not None)
        if forced == "values" or (forced == "auto" and not binary):
            return Plan("values", "regression", _column)
        if numbers.whole or named is not None:
            return _classes(arrays, output, named, forced)
        if numbers.low >= 0 and numbers.high <= 1:
            return Plan("values", "binary", _column)
        raise mismatch(
            output.info.name, "two classes, or numbers from 0 to 1", _range(numbers), _BINARY_HINT
        )
    if not numbers.whole or output.is_numeric:
        raise mismatch(
            output.info.name,
            f"{width} values or one class number for each example",
            "a single number that is no class" if not numbers.whole else "a single number",
            "The model's last layer needs one unit to predict one number.",
        )
    return _classes(arrays, output, named, forced)


_BINARY_HINT = "A sigmoid output with a binary loss takes labels 0 and 1."


def _classes(
    arrays: Mapping[str, np.ndarray],
    output: Output,
    named: tuple[str, ...] | None,
    forced: str,
) -> Plan:
    """One class an example, from texts, folder names or whole numbers."""
    if len(output.info.shape) > 1:
        raise mismatch(
            output.info.name,
            f"labels of shape {_shape(output.info.shape)}",
            "one class for each example",
            "This model answers at every position: its labels must have positions too.",
        )
    flat = {split: np.asarray(array).reshape(len(array)) for split, array in arrays.items()}
    distinct = np.unique(np.concatenate([np.unique(values) for values in flat.values()]))
    units = 2 if output.width == 1 else output.width or len(distinct)
    _enough(next(iter(flat.values())), output)
    lookup, classes, notes = _lookup(distinct, units, named, output)
    strata = {split: lookup(values) for split, values in flat.items()}
    one_hot = output.wants_one_hot and output.width != 1
    one_hot = (one_hot or forced == "one_hot") and not output.is_sparse
    mapped = distinct.dtype.kind == "U" or not _counts_from_zero(distinct, units)
    mapping = {_word(value): int(lookup(np.array([value]))[0]) for value in distinct}
    if one_hot:
        convert: Convert = lambda block: _one_hot(lookup(block), units)  # noqa: E731
    elif output.width == 1:
        convert = lambda block: lookup(block)[:, None].astype(np.float32)  # noqa: E731
    else:
        convert = lookup
    return Plan(
        kind="one_hot" if one_hot else "integers",
        task="binary" if output.width == 1 else "multiclass",
        convert=convert,
        classes=classes,
        mapping=mapping if mapped else None,
        strata=strata,
        notes=notes,
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


def _one_hot(numbers: np.ndarray, units: int) -> np.ndarray:
    return np.eye(units, dtype=np.float32)[numbers]


def _column(block: np.ndarray) -> np.ndarray:
    return np.asarray(block, np.float32).reshape(len(block), 1)


def _enough(train: np.ndarray, output: Output) -> None:
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
        hint = _BINARY_HINT
    else:
        hint = (
            f"The model's output {output.info.name[:80]!r} has {units} units, one for each class."
        )
    return mismatch(output.info.name, expected, found, hint)


def _alike(
    arrays: Mapping[str, np.ndarray], output: Output, forced: str, numbers: _Numbers
) -> Plan:
    """Labels in the shape of the output itself."""
    if len(output.info.shape) > 1:
        return _positions_alike(output, numbers)
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
        _enough(next(iter(strata.values())), output)
        classes = _default_names(output.width)
        if output.is_sparse:
            note = "One-hot labels were turned into class numbers, which the loss takes."
            return Plan("integers", "multiclass", _argmax, classes, None, strata, (note,))
        return Plan("one_hot", "multiclass", _floats, classes, None, strata)
    if output.is_sparse:
        raise mismatch(
            output.info.name,
            "one class number for each example, as the sparse loss takes",
            f"{output.width} numbers for each example",
            "Set training.loss to a loss that takes such labels.",
        )
    if kind == "multi_label":
        return Plan("multi_label", "multilabel", _floats, _default_names(output.width))
    task: TaskKind = "regression"
    if output.wants_one_hot or output.activation in ("softmax", "log_softmax"):
        if not output.is_numeric and (numbers.low < 0 or numbers.high > 1):
            raise mismatch(
                output.info.name,
                "class numbers, one-hot rows or shares from 0 to 1",
                _range(numbers),
                "The model answers with shares that sum to 1.",
            )
        task = "multiclass"
    return Plan("values", task, _floats)


def _default_names(width: int | None) -> tuple[str, ...] | None:
    return tuple(str(i) for i in range(width)) if width and width <= MAX_NAMED_CLASSES else None


def _one_each(array: np.ndarray) -> bool:
    return all(bool(np.all(np.asarray(array[rows]).sum(axis=-1) == 1)) for rows in chunks(array))


def _floats(block: np.ndarray) -> np.ndarray:
    return np.asarray(block, np.float32)


def _argmax(block: np.ndarray) -> np.ndarray:
    return np.argmax(block, axis=-1).astype(np.int32)


def _positions(output: Output, numbers: _Numbers) -> Plan:
    """A class number at every position."""
    width = output.width or 1
    if not numbers.whole or numbers.low < 0 or numbers.high >= width:
        raise mismatch(
            output.info.name,
            f"class numbers from 0 to {width - 1} at every position",
            _range(numbers),
            f"The model's output {output.info.name[:80]!r} has {width} units at every position.",
        )
    positions = output.info.shape[:-1]

    def convert(block: np.ndarray) -> np.ndarray:
        shaped = np.asarray(block).reshape(block.shape[: 1 + len(positions)]).astype(np.int32)
        return _one_hot(shaped, width) if output.wants_one_hot else shaped

    return Plan("per_position", "per_position", convert, _default_names(width))


def _positions_alike(output: Output, numbers: _Numbers) -> Plan:
    """Numbers at every position, in the shape of the output: masks, one-hot maps, or values."""
    notes: tuple[str, ...] = ()
    binary = output.is_binary or (output.width == 1 and output.activation == "sigmoid")
    if binary and not output.is_numeric and numbers.distinct and set(numbers.distinct) <= {0, 255}:
        note = "Labels of 0 and 255 were read as 0 and 1."
        return Plan(
            "per_position",
            "per_position",
            lambda block: (np.asarray(block) > 0).astype(np.float32),
            notes=(note,) if 255 in numbers.distinct else (),
        )
    if output.is_sparse:
        return Plan("per_position", "per_position", _argmax, _default_names(output.width))
    if binary or output.wants_one_hot or output.activation in ("softmax", "sigmoid"):
        if not output.is_numeric and (numbers.low < 0 or numbers.high > 1):
            raise mismatch(
                output.info.name, "numbers from 0 to 1 at every position", _range(numbers), ""
            )
        if numbers.is_zero_one and not output.is_numeric:
            return Plan("per_position", "per_position", _floats, notes=notes)
    return Plan("values", "regression", _floats, notes=notes)


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        want is None or size == want for size, want in zip(shape, wanted, strict=True)
    )


def _range(numbers: _Numbers) -> str:
    return f"numbers from {numbers.low:.6g} to {numbers.high:.6g}"


def _shape(shape: tuple[int | None, ...]) -> str:
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"


def mismatch(array: str, expected: str, found: str, hint: str) -> PruneryError:
    """A dataset that does not fit: which array, what was expected, what was found."""
    message = f"expected {expected}, found {found}"
    return PruneryError(
        "dataset_mismatch",
        f"{array[:80]!r}: {message}.",
        hint=hint or None,
        errors=[FieldError(pointer=f"/dataset/{array[:80]}", message=message)],
    )
