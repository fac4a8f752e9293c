"""Numbers that training can take: finite, and in a type that a network computes with."""

from __future__ import annotations

import numpy as np

from prunery.specs.errors import PruneryError
from worker.engine.datasets.chunks import chunks


def check(name: str, array: np.ndarray) -> tuple[float, float]:
    """Return (minimum, maximum); raise `dataset_invalid` at the first NaN or infinity."""
    low, high = np.inf, -np.inf
    for rows in chunks(array):
        block = np.asarray(array[rows])
        if block.size == 0:
            continue
        if block.dtype.kind == "f":
            wrong = ~np.isfinite(block)
            if wrong.any():
                raise _not_finite(name, array, block, wrong, rows.start)
        low, high = min(low, float(block.min())), max(high, float(block.max()))
    return low, high


def _not_finite(
    name: str, array: np.ndarray, block: np.ndarray, wrong: np.ndarray, start: int
) -> PruneryError:
    index = tuple(int(axis[0]) for axis in np.nonzero(wrong))
    what = "NaN" if np.isnan(block[index]) else "infinite"
    place = "[" + ", ".join(str(i) for i in (start + index[0], *index[1:])) + "]"
    total = sum(
        int(np.count_nonzero(~np.isfinite(np.asarray(array[rows])))) for rows in chunks(array)
    )
    return PruneryError(
        "dataset_invalid",
        f"{name[:80]!r} holds {total:,} values that are NaN or infinite; "
        f"the first is {what}, at {place}.",
        hint="Fill or remove the examples that have them.",
    ).at(name)


def training_dtype(name: str, array: np.ndarray, low: float, high: float) -> np.dtype:
    """The type in which an input is kept: pixels stay bytes, wide numbers become 32 bits."""
    kind, width = array.dtype.kind, array.dtype.itemsize
    if kind == "b":
        return np.dtype(np.uint8)
    if kind in "iu":
        if width <= 2 and array.dtype != np.uint16:
            return np.dtype(f"{kind}{width}")
        fits = low >= -(2**31) and high < 2**31
        return np.dtype(np.int32 if fits else np.float32)
    if kind == "f" and width == 2:
        return np.dtype(np.float16)
    if kind == "f":
        if max(abs(low), abs(high)) > float(np.finfo(np.float32).max):
            raise PruneryError(
                "dataset_invalid", f"{name[:80]!r} holds numbers beyond 32 bits: up to {high:.3g}."
            ).at(name)
        return np.dtype(np.float32)
    raise PruneryError("dataset_dtype_unsupported", f"{name[:80]!r} holds no numbers.").at(name)
