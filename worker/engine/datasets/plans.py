"""How the labels of one output of the model are to become what its loss takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from prunery.specs.models import TaskKind

MAX_NAMED_CLASSES = 1_000
Convert = Callable[[np.ndarray], np.ndarray]


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


def default_names(width: int | None) -> tuple[str, ...] | None:
    return tuple(str(i) for i in range(width)) if width and width <= MAX_NAMED_CLASSES else None


def floats(block: np.ndarray) -> np.ndarray:
    return np.asarray(block, np.float32)


def argmax(block: np.ndarray) -> np.ndarray:
    return np.argmax(block, axis=-1).astype(np.int32)


def one_hot(numbers: np.ndarray, units: int) -> np.ndarray:
    return np.eye(units, dtype=np.float32)[numbers]
