"""From "which input channel stands at each output place" to ids along one output axis."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from worker.engine.graph.flow import Axis
from worker.engine.graph.ids import FIXED, Reason

ANY = -1


class Classes(Protocol):
    """What is needed of ids."""

    def find(self, ids: np.ndarray) -> np.ndarray:
        """The root of each id."""

    def unify(self, first: np.ndarray, second: np.ndarray, reason: Reason) -> None:
        """Make each pair share one fate."""

    def freeze(self, ids: np.ndarray, reason: Reason) -> None:
        """Never remove any of `ids`."""


def places(shape: tuple[int, ...], axis: int, size: int) -> np.ndarray:
    """The position along `axis` at every place of a tensor of `shape` (no batch axis)."""
    view = [1] * len(shape)
    view[axis] = size
    return np.broadcast_to(np.arange(size).reshape(view), shape)


def settle(
    ids: Classes, value: Axis, where: np.ndarray, reason: Reason
) -> tuple[int, Axis, np.ndarray] | None:
    """Find the output axis that the ids lie along, unifying those that must go together.

    Args:
        where: position in `value` at every output place, ANY at constant places; no batch axis.

    Returns:
        The axis (without the batch), its ids, and for each position the input position whose
        ids it took; None where no axis can shrink: what is met in the output is frozen then.
    """
    roots = ids.find(value.ids)
    names, local = np.unique(roots, return_inverse=True)
    classes = np.where(where == ANY, ANY, local[where])
    best: tuple[int, int] | None = None
    for axis in range(where.ndim):
        rows = _rows(classes, axis)
        if len(rows) < 2:
            continue
        count = _independent(rows, len(names))
        if best is None or count >= best[1]:
            best = (axis, count)
        if count == len(np.unique(classes[classes != ANY])) and count > 1:
            best = (axis, count)
            break
    if best is None or best[1] < 2:
        ids.freeze(value.ids[np.unique(where[where != ANY])], reason)
        return None
    return _along(ids, value, where, best[0], reason)


def _along(
    ids: Classes, value: Axis, where: np.ndarray, axis: int, reason: Reason
) -> tuple[int, Axis, np.ndarray]:
    rows = _rows(where, axis)
    known = rows != ANY
    first = rows[np.arange(len(rows)), known.argmax(axis=1)]
    anchor = np.where(known, rows, first[:, None])
    pairs = np.unique(
        np.stack([np.broadcast_to(first[:, None], rows.shape), anchor], axis=-1).reshape(-1, 2),
        axis=0,
    )
    pairs = pairs[pairs[:, 0] != ANY]
    ids.unify(value.ids[pairs[:, 0]], value.ids[pairs[:, 1]], reason)
    constant = first == ANY
    result = np.where(constant, FIXED, value.ids[first])
    zero = (value.zero[anchor] | ~known).all(axis=1) & ~constant
    return axis, Axis(result, zero), np.where(constant, ANY, first)


def _rows(array: np.ndarray, axis: int) -> np.ndarray:
    return np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1)


def _independent(rows: np.ndarray, count: int) -> int:
    """How many classes stay apart when all classes of one row are made one."""
    parent = np.arange(count)

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = int(parent[one])
        return one

    first = rows.max(axis=1)
    pairs = np.stack([np.broadcast_to(first[:, None], rows.shape), rows], axis=-1).reshape(-1, 2)
    pairs = np.unique(pairs[(pairs[:, 1] != ANY) & (pairs[:, 0] != pairs[:, 1])], axis=0)
    for a, b in pairs.tolist():
        parent[root(a)] = root(b)
    met = np.unique(rows[rows != ANY])
    return len({root(int(one)) for one in met})
