"""Arrays that need not fit into memory, a piece at a time."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

_CHUNK_BYTES = 64 * 2**20


def chunks(array: np.ndarray) -> Iterable[slice]:
    """Slices of examples small enough to hold in memory."""
    per_example = max(1, array.nbytes // max(1, len(array)))
    step = max(1, _CHUNK_BYTES // per_example)
    return (slice(start, start + step) for start in range(0, len(array), step))
