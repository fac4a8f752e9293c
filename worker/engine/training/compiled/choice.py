"""Which compiled loop runs is measured, never assumed.

XLA made an MLP several times faster here, and a small convolutional net fourteen times slower.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from keras.src.layers.convolutional.base_conv import BaseConv
from keras.src.layers.convolutional.base_depthwise_conv import BaseDepthwiseConv

from worker.engine.training.compiled.feed import Feed, Piece
from worker.engine.training.compiled.loop import LONGEST_CALL, Loop
from worker.engine.training.plan import LoopChoice, LoopKind

# Fewer steps than this do not repay a second compilation.
SHORT = 64
# A step this long is arithmetic, not overhead: XLA has nothing left to save on it.
LONG_MILLISECONDS = 50.0
# Only a clear win moves the choice away from the expected one: near a tie, runs must repeat.
CLEAR_WIN = 1.2
_ROUNDS = 3
_ROUND_SECONDS = 0.2


def choose_loop(
    asked: Literal["auto", "xla", "graph", "fit"],
    loop: Loop,
    feed: Feed,
    steps: int,
    undo: Callable[[], None],
) -> LoopChoice:
    """The loop asked for, or the faster one on the data that will be trained on.

    steps: how many the training will take. undo: puts the state back after the trial.
    """
    if asked != "auto":
        return LoopChoice(asked, "the recipe asks for it")
    if steps < SHORT:
        return LoopChoice("graph", f"{steps} steps are too few to repay compiling with XLA")
    if loop.choice is not None:
        return loop.choice
    piece = next(iter(feed.pieces(0, 0)))
    try:
        loop.choice = _measured(loop, piece, min(piece.steps, feed.full_steps))
    finally:
        undo()
    return loop.choice


def _measured(loop: Loop, piece: Piece, available: int) -> LoopChoice:
    _seconds(loop, "graph", piece, 1)
    once = _best_single(loop, piece)
    if once * 1000 > LONG_MILLISECONDS:
        milliseconds = {"graph": once * 1000}
        return LoopChoice("graph", "a step is long, so XLA has little to save", milliseconds)
    try:
        _seconds(loop, "xla", piece, 1)
    except (tf.errors.OpError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0][:200]
        return LoopChoice("graph", f"XLA cannot compile this model: {reason}")
    kinds: tuple[LoopKind, LoopKind] = ("graph", "xla")
    best = {kind: _seconds(loop, kind, piece, 1) for kind in kinds}
    for _ in range(_ROUNDS):
        for kind in kinds:
            count = int(np.clip(_ROUND_SECONDS / best[kind], 1, min(available, LONGEST_CALL)))
            best[kind] = min(best[kind], _seconds(loop, kind, piece, count) / count)
    milliseconds = {kind: round(seconds * 1000, 4) for kind, seconds in best.items()}
    return decided(expected(loop.step.model), milliseconds)


def _best_single(loop: Loop, piece: Piece) -> float:
    """Seconds of a plain step; tried again while long, for on a busy machine any one may wait."""
    best = math.inf
    for _ in range(_ROUNDS):
        best = min(best, _seconds(loop, "graph", piece, 1))
        if best * 1000 <= LONG_MILLISECONDS:
            break
    return best


def expected(model: keras.Model) -> LoopKind:
    """What usually wins here: XLA, but not for convolutions and recurrent layers on a CPU."""
    if tf.config.list_physical_devices("GPU"):
        return "xla"
    slow = (keras.layers.RNN, BaseConv, BaseDepthwiseConv)
    return "graph" if any(isinstance(y, slow) for y in model._flatten_layers()) else "xla"


def decided(usual: LoopKind, milliseconds: dict[str, float]) -> LoopChoice:
    """The usual loop, unless the other one is clearly faster."""
    other: LoopKind = "graph" if usual == "xla" else "xla"
    gain = milliseconds[usual] / milliseconds[other]
    chosen = other if gain > CLEAR_WIN else usual
    times = gain if chosen == other else 1 / gain
    rival = other if chosen == usual else usual
    return LoopChoice(chosen, f"{chosen} took {1 / times:.2f} of the time of {rival}", milliseconds)


def _seconds(loop: Loop, kind: LoopKind, piece: Piece, steps: int) -> float:
    started = perf_counter()
    loop.run(
        kind,
        piece,
        first=0,
        steps=steps,
        size=loop.batch,
        rates=np.zeros(steps, np.float32),
        global_step=0,
        total=0.0,
    )
    loop.step.optimizer.iterations.numpy()
    return perf_counter() - started
