"""What is known of an uploaded dataset, and how to read it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from prunery.specs.base import Wire

SplitName = Literal["train", "validation", "test"]


class DatasetOptions(Wire):
    """Options given at upload. Fractions are of all examples of a dataset without those splits."""

    label_column: str | None = None
    feature_columns: tuple[str, ...] | None = None
    validation_fraction: Annotated[float, Field(gt=0, lt=0.9)] = 0.1
    test_fraction: Annotated[float, Field(gt=0, lt=0.9)] = 0.1
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


class ArrayInfo(Wire):
    """One array of one split, `shape` with the number of examples first.

    `minimum` and `maximum` are over finite values; `image` folders have None for height and width
    until they meet a model.
    """

    name: str
    split: Literal["train", "validation", "test", "all"]
    shape: tuple[int | None, ...]
    dtype: str
    minimum: float | None = None
    maximum: float | None = None


class LabelInfo(Wire):
    """What the labels look like; `classes` in index order, `counts` over all given splits."""

    array: str
    kind: Literal["integers", "strings", "one_hot", "multi_label", "values", "per_position", "none"]
    classes: tuple[str, ...] | None = None
    counts: tuple[int, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None


class DatasetSummary(Wire):
    """`examples` by split as given; splits that are missing are drawn later, by seed."""

    format: Literal["npz", "npy_zip", "csv", "image_folders"]
    arrays: tuple[ArrayInfo, ...]
    labels: tuple[LabelInfo, ...] = ()
    examples: dict[str, int]
    columns: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
