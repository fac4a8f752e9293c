"""Constant arrays among an operation's operands, which lie along axes that shrink."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import keras
import numpy as np
from keras import tree

from worker.engine.graph.edits import Edits
from worker.engine.graph.flow import Axis, Call, Flow, is_array
from worker.engine.graph.record import Cut

# Axes of an operand by name: those of one name are of one length.
Names = list[Hashable]
_ROWS, _INNER, _COLUMNS = "rows", "inner", "columns"


def constants(operation: Any, call: Call) -> Edits:
    """x * scale, x @ matrix: a constant loses what the tensors lose."""
    leaves = tree.flatten((call.args, dict(call.kwargs)))
    at = [n for n, leaf in enumerate(leaves) if isinstance(leaf, Flow) or is_array(leaf)]
    if all(isinstance(leaves[n], Flow) for n in at):
        return Edits()
    named = dict(zip(at, _names(operation, [leaves[n] for n in at]), strict=True))
    axes = {
        name: value
        for n in at
        if isinstance(leaves[n], Flow)
        for axis, value in leaves[n].axes.items()
        for name in named[n][axis : axis + 1]
    }
    shrinking = [n for n in at if is_array(leaves[n])]

    def edit(args: Any, kwargs: Any, cut: Cut) -> tuple[Any, Any]:
        new = tree.flatten((args, kwargs))
        for n in shrinking:
            new[n] = _shrunk(new[n], named[n], axes, cut)
        changed = tree.pack_sequence_as((args, kwargs), new)
        return tuple(changed[0]), dict(changed[1])

    return Edits(arguments=edit)


def _shrunk(leaf: Any, names: Names, axes: dict[Hashable, Axis], cut: Cut) -> Any:
    array = np.asarray(leaf)
    for axis, name in enumerate(names):
        value = axes.get(name)
        if value is not None and array.shape[axis] == len(value):
            array = np.take(array, cut.keep(value.ids), axis=axis)
    if array.shape == tuple(leaf.shape):
        return leaf
    # A tensor stays a tensor: the two are written down differently.
    whole = isinstance(leaf, np.ndarray)
    return array if whole else keras.ops.convert_to_tensor(array, dtype=leaf.dtype)


def _names(operation: Any, operands: list[Any]) -> list[Names]:
    """The axes of each operand; those of plain operations are aligned from the right."""
    ranks = [len(operand.shape) for operand in operands]
    kind = type(operation).__name__
    if kind == "Einsum":
        sides = operation.subscripts.replace(" ", "").split("->")[0].split(",")
        return [_letters(side, rank) for side, rank in zip(sides, ranks, strict=True)]
    if kind in ("Matmul", "Dot") and len(ranks) == 2:
        first = [*range(2 - ranks[0], 0), _ROWS, _INNER][-ranks[0] :]
        second = [*range(2 - ranks[1], 0), _INNER, _COLUMNS] if ranks[1] > 1 else [_INNER]
        return [first, second]
    if kind == "Tensordot":
        return _contracted(operation.axes, *ranks)
    if kind in ("Conv", "DepthwiseConv"):
        return _convolved(operation, *ranks)
    return [list(range(-rank, 0)) for rank in ranks]


def _letters(side: str, rank: int) -> Names:
    before, _, after = side.partition("...")
    dots = rank - len(before) - len(after)
    return [*before, *range(-dots, 0), *after]


def _convolved(operation: Any, rank: int, kernel_rank: int) -> list[Names]:
    """kernel (size..., in, out)."""
    first = (operation.data_format or keras.config.image_data_format()) == "channels_first"
    names: list[Names] = [[(0, n) for n in range(rank)], [(1, n) for n in range(kernel_rank)]]
    names[0][1 if first else -1] = names[1][-2]
    return names


def _contracted(axes: Any, first: int, second: int) -> list[Names]:
    if isinstance(axes, int):
        axes = (range(first - axes, first), range(axes))
    ours, theirs = ([a] if isinstance(a, int) else list(a) for a in axes)
    names: list[Names] = [[(0, n) for n in range(first)], [(1, n) for n in range(second)]]
    for one, other in zip(ours, theirs, strict=True):
        names[1][other] = names[0][one]
    return names
