"""Do an input's examples have the shape that the model takes, and if not, what would mend it?"""

from __future__ import annotations

import math

import numpy as np

from prunery.screening.shapes import Shape, same, text
from worker.engine.datasets.refusals import mismatch


def fit(name: str, array: np.ndarray, wanted: Shape) -> tuple[np.ndarray, str | None]:
    """Return the array in the model's shape, and a note where an axis of one was added or dropped.

    Nothing else is ever reshaped: only the person who made the data knows what its axes mean.
    """
    found = array.shape[1:]
    if same(found, wanted):
        return array, None
    for axis in range(len(wanted)):
        if wanted[axis] == 1 and same(found, wanted[:axis] + wanted[axis + 1 :]):
            shaped = array.reshape(*array.shape[: axis + 1], 1, *array.shape[axis + 1 :])
            return shaped, f"{name!r}: an axis of size 1 was added, {text(shaped.shape[1:])}."
    for axis in range(len(found)):
        if found[axis] == 1 and same(found[:axis] + found[axis + 1 :], wanted):
            shaped = array.reshape(*array.shape[: axis + 1], *array.shape[axis + 2 :])
            return (
                shaped,
                f"{name!r}: an axis of size 1 was dropped, {text(shaped.shape[1:])}.",
            )
    raise mismatch(name, f"examples of shape {text(wanted)}", text(found), hint(found, wanted))


def hint(found: tuple[int, ...], wanted: Shape) -> str:
    """What a person may write to mend the shape."""
    if None not in wanted and math.prod(found) == math.prod(size or 1 for size in wanted):
        if sorted(found) == sorted(size or 1 for size in wanted) and len(found) == len(wanted):
            order = _order(found, wanted)
            return f"The axes are in another order: x = x.transpose(0, {order})."
        return f"The sizes agree: x = x.reshape(len(x), {', '.join(map(str, wanted))})."
    if len(found) == len(wanted) == 3 and found[-1] == wanted[-1]:
        return f"Resize the images to {wanted[0]} x {wanted[1]}, or send a zip of image folders."
    if len(found) == len(wanted) == 3 and found[-1] in (1, 3, 4) and wanted[-1] in (1, 3, 4):
        return f"The images have {found[-1]} channels, the model takes {wanted[-1]}."
    if len(found) == len(wanted) == 1:
        return f"The model takes {wanted[0]} features, the data have {found[0]}."
    return "Bring the arrays into the model's shape, examples first."


def _order(found: tuple[int, ...], wanted: Shape) -> str:
    left = list(range(len(found)))
    order = []
    for size in wanted:
        axis = next(axis for axis in left if found[axis] == size)
        left.remove(axis)
        order.append(str(axis + 1))
    return ", ".join(order)
