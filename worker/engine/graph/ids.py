"""Union-find over channel ids: which channels can only be removed together, and which never.

Every channel of every axis has an integer id; ids that must share one fate are in one class, named
by its smallest member (its root). Id 0 stands for a channel that never goes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FIXED = 0


@dataclass(frozen=True)
class Reason:
    """Why a class cannot go: the layer where that was found, a sentence, and the way out."""

    layer: str
    text: str
    way_out: str | None = None


class Ids:
    """Channel ids and their classes; a frozen class stays frozen through every union."""

    def __init__(self) -> None:
        self._parent = np.zeros(1, dtype=np.int64)
        self._frozen = np.ones(1, dtype=bool)
        self._needs_zero = np.zeros(1, dtype=bool)
        self._reasons: dict[int, Reason] = {}

    def __len__(self) -> int:
        return len(self._parent)

    def copy(self) -> Ids:
        """An independent copy, to try unions on."""
        new = Ids()
        new._parent, new._frozen = self._parent.copy(), self._frozen.copy()
        new._needs_zero, new._reasons = self._needs_zero.copy(), dict(self._reasons)
        return new

    def fresh(self, count: int) -> np.ndarray:
        """`count` new ids, each a class of its own."""
        new = np.arange(len(self._parent), len(self._parent) + count, dtype=np.int64)
        self._parent = np.concatenate([self._parent, new])
        self._frozen = np.concatenate([self._frozen, np.zeros(count, dtype=bool)])
        self._needs_zero = np.concatenate([self._needs_zero, np.zeros(count, dtype=bool)])
        return new

    def find(self, ids: np.ndarray) -> np.ndarray:
        """The root of each id."""
        roots = np.asarray(ids, dtype=np.int64)
        while True:
            above = self._parent[roots]
            if np.array_equal(above, roots):
                return roots
            roots = above

    def unify(self, first: np.ndarray, second: np.ndarray, reason: Reason) -> None:
        """Make each pair share one fate; a partner of a frozen class is frozen for `reason`."""
        pairs = np.stack([self.find(first), self.find(second)], axis=-1).reshape(-1, 2)
        pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
        for a, b in pairs.tolist():
            self._union(self._root(a), self._root(b), reason)

    def unify_rows(self, matrix: np.ndarray, reason: Reason) -> None:
        """Make all of each row share one fate."""
        rest = matrix[:, 1:]
        self.unify(np.broadcast_to(matrix[:, :1], rest.shape), rest, reason)

    def freeze(self, ids: np.ndarray, reason: Reason) -> None:
        """Never remove any of `ids`; the first reason given to a class stays."""
        for root in np.unique(self.find(ids)).tolist():
            if not self._frozen[root]:
                self._frozen[root] = True
                self._reasons[root] = reason

    def is_frozen(self, ids: np.ndarray) -> np.ndarray:
        """Which of `ids` can never go."""
        return self._frozen[self.find(ids)]

    def reason(self, root: int) -> Reason | None:
        """Why the class of `root` is frozen; None for id 0, which is frozen by nature."""
        return self._reasons.get(int(self.find(np.array([root]))[0]))

    def need_zero(self, ids: np.ndarray) -> None:
        """Note that leaving these out is exact only because their values are then exactly 0."""
        self._needs_zero[np.asarray(ids, dtype=np.int64)] = True

    def needing_zero(self) -> np.ndarray:
        """The roots of the classes that `need_zero` was called for."""
        return np.unique(self.find(np.flatnonzero(self._needs_zero)))

    def _root(self, one: int) -> int:
        root = one
        while self._parent[root] != root:
            root = int(self._parent[root])
        while self._parent[one] != root:
            self._parent[one], one = root, int(self._parent[one])
        return root

    def _union(self, a: int, b: int, reason: Reason) -> None:
        if a == b:
            return
        if FIXED in (a, b):
            self.freeze(np.array([a or b]), reason)
            return
        low, high = min(a, b), max(a, b)
        self._parent[high] = low
        if self._frozen[high] and not self._frozen[low]:
            self._reasons[low] = self._reasons[high]
        self._frozen[low] |= self._frozen[high]
