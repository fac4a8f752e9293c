"""What occurs in arrays of labels: range, whole or not, the distinct numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from worker.engine.datasets.chunks import chunks

# Beyond this many they are no classes.
MOST_DISTINCT = 10_000


@dataclass(frozen=True)
class Numbers:
    """What occurs in arrays of numbers."""

    low: float
    high: float
    whole: bool
    distinct: tuple[float, ...] | None

    @staticmethod
    def of(arrays: Mapping[str, np.ndarray]) -> Numbers:
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
                    seen = seen if len(seen) <= MOST_DISTINCT else None
        return Numbers(low, high, whole, None if seen is None else tuple(sorted(seen)))

    @property
    def is_zero_one(self) -> bool:
        return self.distinct is not None and set(self.distinct) <= {0, 1}


def range_text(numbers: Numbers) -> str:
    return f"numbers from {numbers.low:.6g} to {numbers.high:.6g}"
