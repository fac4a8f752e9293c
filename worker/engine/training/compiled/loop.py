"""The compiled loop: many steps in one call, the data resident, the offset as data.

Three traps were measured here. Under XLA `tf.range(a, b)` with variable bounds and `tf.slice` with
a variable begin compile anew for each value, half a second each; `order[i * batch :]` cut to a
batch is a dynamic shape. Hence a bound that is data, and `tf.gather` of a fixed number of rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from worker.engine.training.compiled.feed import Piece
from worker.engine.training.compiled.step import Step
from worker.engine.training.plan import LoopChoice, LoopKind

LONGEST_CALL = 1024


class Loop:
    """A step, compiled; kept and used again for every training of the same shape."""

    def __init__(self, step: Step, batch: int) -> None:
        self.step = step
        self.batch = batch
        self._single = _single(step)
        self._many: dict[LoopKind, Callable[..., Any]] = {}
        self.choice: LoopChoice | None = None

    def run(
        self,
        kind: LoopKind,
        piece: Piece,
        *,
        first: int,
        steps: int,
        size: int,
        rates: np.ndarray,
        global_step: int,
        total: float,
    ) -> float:
        """Train `steps` batches of `size` rows, from the piece's row `first * batch` on.

        `total` is the epoch's sum of losses so far; the new one is returned. It is summed step by
        step, so it does not depend on how the steps were dealt out to calls.
        """
        if kind == "fit" or size != self.batch:
            for index in range(steps):
                loss = self._single(
                    piece.tensors,
                    piece.order,
                    tf.constant((first + index) * self.batch),
                    tf.constant(rates[index]),
                    tf.constant(global_step + index),
                    size,
                )
                total += float(loss)
            return total
        if kind not in self._many:
            self._many[kind] = _many(self.step, self.batch, jit=kind == "xla")
        window = np.zeros(LONGEST_CALL, np.float32)
        window[:steps] = rates
        return float(
            self._many[kind](
                piece.tensors,
                piece.order,
                tf.constant(first),
                tf.constant(steps),
                tf.constant(window),
                tf.constant(global_step),
                tf.constant(total, tf.float64),
            )
        )


def _many(step: Step, batch: int, *, jit: bool) -> Callable[..., Any]:
    @tf.function(jit_compile=jit, autograph=False)
    def many(
        tensors: Any, order: Any, first: Any, steps: Any, rates: Any, global_step: Any, total: Any
    ) -> Any:
        flat = [_flat(tensor) for tensor in tensors]

        def body(index: Any, total: Any) -> tuple[Any, Any]:
            rows = tf.gather(order, (first + index) * batch + tf.range(batch))
            taken = [
                tf.reshape(tf.gather(rows_of, rows), (batch, *tensor.shape[1:]))
                for rows_of, tensor in zip(flat, tensors, strict=True)
            ]
            loss = step.run(taken, tf.gather(rates, index), global_step + index)
            return index + 1, total + tf.cast(loss, tf.float64)

        return tf.while_loop(
            lambda index, _: index < steps, body, [tf.constant(0), total], parallel_iterations=1
        )[1]

    return many


def _flat(tensor: Any) -> Any:
    """One axis an example: XLA copies and casts rows of it without working out their indices."""
    return tf.reshape(tensor, (tensor.shape[0], math.prod(tensor.shape[1:])))


def _single(step: Step) -> Callable[..., Any]:
    @tf.function(autograph=False)
    def single(tensors: Any, order: Any, start: Any, rate: Any, global_step: Any, size: int) -> Any:
        rows = tf.slice(order, [start], [size])
        taken = [tf.gather(tensor, rows) for tensor in tensors]
        return step.run(taken, rate, global_step)

    return single
