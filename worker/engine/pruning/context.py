"""What a criterion may look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from worker.engine.arrays import Arrays


@dataclass(frozen=True)
class Context:
    """The network to be pruned, and what it may be asked with.

    Attributes:
        model: the network as trained so far (full size; what was removed is zero).
        values: its weights by key.
        keys: the weights to score.
        initial: the weights training began with, by key; None for a trained upload.
        batch: (inputs as the model takes them, labels) as tensors; None without data.
        loss: `loss(labels, outputs)` -> scalar tensor; None without labels.
        seed: for criteria that draw.
    """

    model: Any
    values: Arrays
    keys: tuple[str, ...]
    initial: Arrays | None = None
    batch: tuple[Any, Any] | None = None
    loss: Callable[[Any, Any], Any] | None = None
    seed: int = 0
    cache: dict[str, Arrays] = field(default_factory=dict, repr=False)
