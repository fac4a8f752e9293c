"""The labels of each output, as far as they are known before a job: what is certain to be refused.

The engine judges by the same rules with all numbers before its eyes (`worker/engine/datasets`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prunery.screening import labelling
from prunery.screening.labelling import LabelKind
from prunery.screening.outputs import Output, better_loss
from prunery.screening.shapes import Shape, same, text
from prunery.specs.datasets import ArrayInfo, LabelInfo
from prunery.specs.errors import FieldError
from prunery.specs.models import TaskKind

_SHARES = ("softmax", "log_softmax")


@dataclass(frozen=True)
class Answers:
    """Labels of one output. `info` is None where nothing was said of them at the upload."""

    output: Output
    array: ArrayInfo
    info: LabelInfo | None
    forced: str
    folders: bool

    @property
    def pointer(self) -> str:
        return f"/dataset/{self.array.name}"

    @property
    def shape(self) -> Shape:
        """Of one example."""
        return self.array.shape[1:]

    @property
    def is_single(self) -> bool:
        """Whether a label is one number."""
        return self.shape in ((), (1,))

    @property
    def width(self) -> int | None:
        """Numbers that an example is answered with; None where it is answered at positions."""
        return self.output.width if len(self.output.info.shape) <= 1 else None

    @property
    def low(self) -> float | None:
        """The smallest number, of all splits where more is known than of one."""
        known = self.info.minimum if self.info is not None else None
        return known if known is not None else self.array.minimum

    @property
    def high(self) -> float | None:
        known = self.info.maximum if self.info is not None else None
        return known if known is not None else self.array.maximum

    @property
    def kind(self) -> LabelKind | None:
        """What they look like; whole numbers of more than a thousand kinds are classes, too."""
        low, high = self.low, self.high
        whole = not self.array.dtype.startswith(("float", "string"))
        if self.is_single and whole and low is not None and high is not None:
            return "integers"
        return self.info.kind if self.info is not None else None

    @property
    def is_class(self) -> bool:
        """Whether each example is of one class, by a text or a whole number."""
        if self.width is None or not self.is_single or self.kind not in ("strings", "integers"):
            return False
        if self.kind == "strings" or self.width != 1:
            return True
        asked = self.forced not in ("auto", "values")
        return asked or (self.forced == "auto" and (self.output.is_binary or self.folders))

    @property
    def read_as(self) -> str | None:
        """How rows of one number a unit are read: one_hot, multi_label or values."""
        if self.forced != "auto" or self.kind not in ("one_hot", "multi_label"):
            return self.kind if self.forced == "auto" else self.forced
        output = self.output
        if self.kind == "one_hot" and not (output.is_binary or output.is_numeric):
            return "one_hot"
        return "values" if output.is_numeric or output.wants_one_hot else "multi_label"

    @property
    def is_numbered(self) -> bool:
        """Whether there is a class number at every position of the output."""
        wanted = self.output.info.shape
        places = (wanted[:-1], (*wanted[:-1], 1))
        known = len(wanted) > 1 and not same(self.shape, wanted)
        return known and any(same(self.shape, place) for place in places)

    @property
    def task(self) -> TaskKind | None:
        """What the output is asked; None where more must be known."""
        if self.is_numbered:
            return "per_position"
        if self.is_class:
            return "binary" if self.width == 1 else "multiclass"
        if self.width is None or self.kind is None:
            return None
        if self.is_single:
            return "regression" if self.width == 1 and not self.is_share else None
        if self.shape != (self.width,):
            return None
        if self.read_as in ("one_hot", "multi_label"):
            return "multiclass" if self.read_as == "one_hot" else "multilabel"
        compares = self.output.wants_one_hot or self.output.activation in _SHARES
        return "multiclass" if compares else "regression"

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names by which classes can be weighed; none where there are none, None if not known."""
        if self.kind == "per_position":
            return ()
        if self.width is None or self.kind is None:
            return None
        numbered = tuple(map(str, range(self.units or 0))) if self.units else None
        if self.is_class:
            known = self.info.classes if self.info is not None else None
            by_number = self.kind == "integers" and not self.folders and self.counts_from_zero
            return numbered if by_number else known
        if self.kind == "one_hot":
            return numbered if self.read_as in ("one_hot", "multi_label") else ()
        return ()

    @property
    def units(self) -> int | None:
        """How many classes the output tells apart."""
        return 2 if self.width == 1 else self.width

    @property
    def counts_from_zero(self) -> bool:
        low, high = self.low, self.high
        return low is not None and high is not None and low >= 0 and high < (self.units or 0)

    @property
    def is_share(self) -> bool:
        """Whether single numbers are compared to a share, from 0 to 1."""
        binary = self.output.is_binary or self.folders
        return self.forced != "values" and (self.forced != "auto" or binary)


def unfit(one: Answers, asked: str | None, outputs: int) -> Iterator[FieldError]:
    """What is wrong with the labels for the output and its loss; `asked` is the recipe's."""
    message = None
    if one.kind is not None:
        kind, width = one.kind, one.output.width
        message = labelling.refusal(one.forced, kind, width, one.is_single, one.output.loss)
    if message is not None:
        yield FieldError(pointer="/data/labels", message=message)
    elif (message := _shape(one)) is not None:
        yield FieldError(pointer=one.pointer, message=message)
    elif (message := _loss(one, asked, outputs)) is not None:
        yield FieldError(pointer="/training/loss", message=message)
    elif (message := _numbers(one)) is not None:
        yield FieldError(pointer=one.pointer, message=message)


def _loss(one: Answers, asked: str | None, outputs: int) -> str | None:
    if one.width is None or one.kind is None:
        return None
    if asked is not None and (message := better_loss(asked, one.kind, one.width, outputs)):
        return message
    instead = one.output.instead_for_classes if one.is_class else None
    if instead is None:
        return None
    return f"The loss does not fit these labels and {one.width} output units; write {instead}."


def _shape(one: Answers) -> str | None:
    """Labels are one for each example, or in the shape of the output, or of its positions."""
    wanted, found = one.output.info.shape, one.shape
    name = one.output.info.name
    if one.width is not None:
        if one.is_single or found == (one.width,):
            return None
        if len(found) == 1:
            return f"expected {one.width} columns for {name!r}, found {found[0]}"
    elif same(found, wanted) or one.is_numbered:
        return None
    return f"expected labels of shape {text(wanted)}, found {text(found)}"


def _numbers(one: Answers) -> str | None:
    if one.is_numbered:
        return _positions(one)
    if one.width is None or one.kind is None:
        return None
    if one.is_class:
        return _classes(one)
    return _one_number(one) if one.is_single else _row(one)


def _classes(one: Answers) -> str | None:
    units, known = one.units, one.info.classes if one.info is not None else None
    if units is None:
        return None
    if one.kind == "strings" or one.folders:
        if known is not None and len(known) > units:
            return f"expected at most {units} classes, found {len(known)}"
        return None
    if one.counts_from_zero or (known is not None and len(known) == units):
        return None
    low, high = one.low, one.high
    if known is None and low is not None and high is not None and high - low + 1 >= units:
        return None  # as many kinds as units would be numbered
    return (
        f"expected labels from 0 to {units - 1} for the {units} units of "
        f"{one.output.info.name!r}, found labels from {low:g} to {high:g}"
    )


def _positions(one: Answers) -> str | None:
    low, high, width = one.low, one.high, one.output.width or 1
    if low is None or high is None or 0 <= low <= high < width:
        return None
    return (
        f"expected class numbers from 0 to {width - 1} at every position, found numbers from "
        f"{low:g} to {high:g}"
    )


def _one_number(one: Answers) -> str | None:
    low, high = one.low, one.high
    if low is None or high is None:
        return None
    if one.width != 1:
        if low % 1 == 0 == high % 1:
            return None  # they may all be whole
        return (
            f"expected {one.width} values or one class number for each example, "
            "found a single number that is no class"
        )
    if one.is_share and one.kind == "values" and not 0 <= low <= high <= 1:
        return (
            f"expected two classes, or numbers from 0 to 1, found numbers from {low:g} to {high:g}"
        )
    return None


def _row(one: Answers) -> str | None:
    output, low, high = one.output, one.low, one.high
    if output.is_sparse and one.read_as != "one_hot":
        return f"expected one class number for each example, found {one.width} numbers"
    compares = output.is_binary or output.wants_one_hot or output.activation in _SHARES
    if one.read_as != "values" or output.is_numeric or not compares:
        return None
    if low is None or high is None or 0 <= low <= high <= 1:
        return None
    return f"expected numbers from 0 to 1, found numbers from {low:g} to {high:g}"
