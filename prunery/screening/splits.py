"""Names of arrays: the role that a name is for, and the split that it belongs to."""

from __future__ import annotations

from typing import Literal

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
