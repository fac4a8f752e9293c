"""How far two models' outputs are apart, and whether they say anything at all."""

from __future__ import annotations

import numpy as np


class Compared:
    """Outputs of both models, and how far apart they are where they are finite."""

    def __init__(self, first: list[np.ndarray], second: list[np.ndarray]) -> None:
        self.first, self.second = first, second
        self.same_shapes = [a.shape for a in first] == [b.shape for b in second]
        apart = (
            [_apart(a, b) for a, b in zip(first, second, strict=True)] if self.same_shapes else []
        )
        self.largest = max((float(d.max(initial=0.0)) for d in apart), default=float("inf"))
        self.mean = (
            float(np.mean([d.mean() if d.size else 0.0 for d in apart])) if apart else float("inf")
        )
        self.size = max((_size(a) for a in first), default=0.0)
        self.relative = (
            self.largest / max(self.size, np.finfo(np.float64).tiny) if self.largest else 0.0
        )
        self.finite = all(np.isfinite(a).any() for a in first)

    @property
    def against_size(self) -> float:
        """The largest difference relative to the largest output, but at least 1."""
        return self.largest / max(1.0, self.size)


def _apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Absolute differences; equal infinities, or NaN in both, agree; NaN in one does not."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore"):
        apart = np.abs(a - b)
    apart[(a == b) | (np.isnan(a) & np.isnan(b))] = 0.0
    return np.where(np.isnan(apart), np.inf, apart)


def _size(value: np.ndarray) -> float:
    finite = np.abs(value[np.isfinite(value)].astype(np.float64))
    return float(finite.max(initial=0.0))


def variation_of(outputs: list[np.ndarray], own: int) -> float:
    """How far the least varying output moves over the examples, relative to its size."""
    found = []
    for output in outputs:
        rows = output[: own if own > 1 else None].astype(np.float64)
        rows = np.where(np.isfinite(rows), rows, 0.0)
        moved = float(np.max(rows.max(axis=0) - rows.min(axis=0), initial=0.0))
        found.append(moved / max(_size(rows), np.finfo(np.float64).tiny) if moved else 0.0)
    return min(found, default=0.0)


def same_class(native: Compared, own: int) -> float | None:
    """Share of the examples for which both models name the same class; None where none is named."""
    if not native.same_shapes or not native.first:
        return None
    a, b = native.first[0][: own or None], native.second[0][: own or None]
    if a.ndim != 2:
        return None
    if a.shape[-1] == 1:
        return float(np.mean((a > 0.5) == (b > 0.5)))
    return float(np.mean(a.argmax(-1) == b.argmax(-1)))
