"""Raw arrays of a dataset, before a model is known."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from prunery.screening import datasets
from prunery.specs.errors import PruneryError


@dataclass
class Source:
    """Arrays by the name they were given (`x_train`, `image_test`, ...).

    `classes` are set where the file names classes itself (folders of images); `columns` are a
    table's feature columns, in the order of the columns of `x`.
    """

    format: datasets.Format
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    classes: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    label_name: str = "y"
    resize: str | None = None
    notes: list[str] = field(default_factory=list)


def refuse_texts(name: str) -> PruneryError:
    """The error for an input of texts."""
    return PruneryError(
        "dataset_dtype_unsupported",
        f"{name[:80]!r} holds texts; only labels may be texts.",
        hint="Turn texts into numbers (tokens, categories) before uploading.",
    )
