"""Names of arrays: the role that a name is for, and the split that it belongs to.

Splits that a dataset does not bring are drawn: how large each is.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from prunery.specs.datasets import DatasetOptions
from prunery.specs.errors import FieldError, of_fields

Split = Literal["train", "validation", "test", "all"]

_WORDS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "tr": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "te": "test",
}


def base_and_split(name: str) -> tuple[str, Split]:
    """Take a name apart: `x_train` is ("x", "train"), `image` is ("image", "all")."""
    before, _, last = name.rpartition("_")
    if before and last.lower() in _WORDS:
        return _base(before), _WORDS[last.lower()]
    first, _, after = name.partition("_")
    if after and first.lower() in _WORDS:
        return _base(after), _WORDS[first.lower()]
    return _base(name), "all"


def _base(name: str) -> str:
    # X and Y are what many people write; any other name is the model's own and stays.
    return name.lower() if name in ("X", "Y") else name


def drawn(options: DatasetOptions, given: Collection[str]) -> dict[str, float]:
    """The share of each split that is drawn, where `given` are those that the dataset brings.

    Raises `request_invalid` where they leave nothing to train on.
    """
    shares = {"validation": options.validation_fraction, "test": options.test_fraction}
    shares = {name: share for name, share in shares.items() if name not in given}
    if sum(shares.values()) >= 1:
        message = "Together with test_fraction it leaves nothing to train on: write less."
        wrong = FieldError(pointer="/validation_fraction", message=message)
        raise of_fields([wrong], "request_invalid")
    return shares
