"""Bring a split to the compiled loop: resident where it fits, else in pieces, prefetched.

Either way a batch is the same rows in the same order, so both ways train bit for bit alike.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

PIECE_BYTES = 64 << 20


@dataclass(frozen=True)
class Piece:
    """Tensors on the device, and which rows of them the next steps take, in order.

    first_step: the step of the epoch that takes `order[0:batch]`.
    """

    tensors: tuple[Any, ...]
    order: Any
    first_step: int
    steps: int


class Feed:
    """The arrays of a training in a fixed order: inputs, labels, then extras (weights, teacher)."""

    def __init__(
        self,
        arrays: list[np.ndarray],
        *,
        batch: int,
        seed: int,
        shuffle: bool = True,
        resident_bytes: int | None = None,
    ) -> None:
        self.arrays = arrays
        self.examples = len(arrays[0])
        self.batch = min(batch, self.examples)
        self.seed = seed
        self.shuffle = shuffle
        self.full_steps, self.tail = divmod(self.examples, self.batch)
        self.steps_per_epoch = self.full_steps + bool(self.tail)
        size = sum(array.nbytes for array in arrays)
        limit = free_bytes() // 4 if resident_bytes is None else resident_bytes
        self.is_resident = size <= limit
        self._tensors: tuple[Any, ...] | None = None
        row = max(1, size // self.examples)
        self._piece_steps = max(1, min(PIECE_BYTES, max(limit // 4, row)) // (row * self.batch))

    def pieces(self, epoch: int, first_step: int) -> Generator[Piece]:
        """The rest of an epoch from `first_step` on."""
        order = self._order(epoch)
        if self.is_resident:
            if self._tensors is None:
                self._tensors = tuple(tf.constant(array) for array in self.arrays)
            left = self.steps_per_epoch - first_step
            rows = tf.roll(order, -first_step * self.batch, axis=0) if first_step else order
            yield Piece(self._tensors, rows, first_step, left)
        else:
            yield from self._streamed(order.numpy(), first_step)

    def _order(self, epoch: int) -> Any:
        if not self.shuffle:
            return tf.range(self.examples, dtype=tf.int32)
        return _shuffled(self.examples, tf.constant(self.seed), tf.constant(epoch))

    def _streamed(self, order: np.ndarray, first_step: int) -> Generator[Piece]:
        starts = list(range(first_step, self.steps_per_epoch, self._piece_steps))
        with ThreadPoolExecutor(1, thread_name_prefix="feed") as reader:
            # One ahead: the next piece is read while this one is trained on.
            waiting = deque(reader.submit(self._read, order, start) for start in starts[:1])
            for start in [*starts[1:], None]:
                piece = waiting.popleft().result()
                if start is not None:
                    waiting.append(reader.submit(self._read, order, start))
                yield piece

    def _read(self, order: np.ndarray, start: int) -> Piece:
        steps = min(self._piece_steps, self.steps_per_epoch - start)
        rows = order[start * self.batch : (start + steps) * self.batch]
        # A memory map likes ascending rows; the order is undone on the device's side.
        ascending = np.argsort(rows, kind="stable").astype(np.int32)
        place = np.empty_like(ascending)
        place[ascending] = np.arange(len(rows), dtype=np.int32)
        # One shape for every piece, or each would be compiled anew: the rest repeats a row.
        room = self._piece_steps * self.batch
        taken = np.pad(rows[ascending], (0, room - len(rows)), mode="edge")
        tensors = tuple(tf.constant(array[taken]) for array in self.arrays)
        order_here = tf.constant(np.pad(place, (0, room - len(rows))))
        return Piece(tensors, order_here, start, steps)


@tf.function(reduce_retracing=True, autograph=False)
def _shuffled(examples: Any, seed: Any, epoch: Any) -> Any:
    """A permutation that depends on seed and epoch alone: Philox keys, sorted, ties by index."""
    keys = tf.random.stateless_uniform(
        [examples], tf.stack([seed, epoch]), minval=None, maxval=None, dtype=tf.int32, alg="philox"
    )
    return tf.argsort(keys, stable=True)


def free_bytes() -> int:
    """Memory that can be had now, caches given up."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(y.split()[1]) << 10 for y in lines if y.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
