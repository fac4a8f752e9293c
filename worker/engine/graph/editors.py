"""How an operation's sizes follow a cut: shapes, split points, indices, constants.

Each editor looks at the axes that go in and come out, and gives an edit of the configuration, of
the arguments, or neither. Whether the edit is right is for the probe to find out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import tree

from worker.engine.graph.flow import Axis, Call, Flow
from worker.engine.graph.record import Cut, Edit

ArgumentEdit = Callable[[Any, Any, Cut], tuple[Any, Any]]
AxesOf = Mapping[int, Axis]


@dataclass(frozen=True)
class Edits:
    """What changes in an operation: its configuration, or what it is called with."""

    config: Edit | None = None
    arguments: ArgumentEdit | None = None
    follows: tuple[np.ndarray, ...] = ()


def editors(operation: Any, call: Call, outputs: list[dict[int, Axis]]) -> Edits:
    """The edits that go with these output axes."""
    name = type(operation).__name__
    if name in ("Reshape", "BroadcastTo"):
        return _shape(operation, {"Reshape": "newshape", "BroadcastTo": "shape"}[name], outputs[0])
    if name == "Split":
        return _split(operation, call)
    if name == "GetItem":
        return _get_item(call)
    if name == "Take":
        return _take(operation, call)
    if name == "Slice":
        return _slice(operation, call, outputs[0])
    return _constants(call)


def _shape(operation: Any, field: str, axes: AxesOf) -> Edits:
    if not hasattr(operation, field):
        field = "target_shape"
    shift = 1 if field == "target_shape" else 0

    def edit(config: dict[str, Any], cut: Cut) -> None:
        target = list(getattr(operation, field))
        for axis, value in axes.items():
            at = axis - shift
            if at < len(target) and target[at] != -1:
                target[at] = len(cut.keep(value.ids))
        config[field] = tuple(target)

    return Edits(config=edit, follows=tuple(value.ids for value in axes.values()))


def _split(operation: Any, call: Call) -> Edits:
    x = call.first
    axis = operation.axis % x.rank
    value = x.at(axis)
    if value is None:
        return Edits()
    given = operation.indices_or_sections
    bounds = (
        np.arange(1, given) * (len(value) // given)
        if isinstance(given, int)
        else np.asarray(given, dtype=np.int64)
    )

    def edit(config: dict[str, Any], cut: Cut) -> None:
        kept = cut.keep(value.ids)
        points = tuple(int(np.sum(kept < bound)) for bound in bounds)
        sizes = set(np.diff([0, *points, len(kept)]).tolist())
        if len(kept) < len(value) and not (isinstance(given, int) and len(sizes) == 1):
            config["indices_or_sections"] = points

    return Edits(config=edit, follows=(value.ids,))


def _get_item(call: Call) -> Edits:
    x = call.first

    def edit(args: Any, kwargs: Any, cut: Cut) -> tuple[Any, Any]:
        key = args[1] if len(args) > 1 else kwargs["key"]
        items = list(key) if isinstance(key, list | tuple) else [key]
        new = [_cut_item(item, axis, x, cut) for item, axis in _consumed(items, x.rank)]
        changed: Any = new[0] if not isinstance(key, list | tuple) else tuple(new)
        if len(args) > 1:
            return (args[0], changed, *args[2:]), kwargs
        return args, {**kwargs, "key": changed}

    return Edits(arguments=edit, follows=tuple(value.ids for value in x.axes.values()))


def _consumed(items: list[Any], rank: int) -> list[tuple[Any, int | None]]:
    """Each item of an index with the axis that it reads."""
    taken = sum(1 for item in items if item is not None and item is not Ellipsis)
    axis = 0
    result: list[tuple[Any, int | None]] = []
    for item in items:
        if item is None:
            result.append((item, None))
        elif item is Ellipsis:
            result.append((item, None))
            axis += rank - taken
        else:
            result.append((item, axis))
            axis += 1
    return result


def _cut_item(item: Any, axis: int | None, x: Flow, cut: Cut) -> Any:
    value = None if axis is None else x.at(axis)
    if value is None:
        return item
    kept = cut.keep(value.ids)
    if len(kept) == len(value):
        return item
    if isinstance(item, slice):
        if item.step not in (None, 1):
            return item
        start, stop, _ = item.indices(len(value))
        low, high = int(np.sum(kept < start)), int(np.sum(kept < stop))
        return slice(None if item.start is None else low, None if item.stop is None else high, None)
    if isinstance(item, int):
        place = item % len(value)
        return int(np.sum(kept < place))
    return item


def _take(operation: Any, call: Call) -> Edits:
    """ops.take(x, indices) with constant indices: those of what stays, numbered anew."""
    x = call.first
    value = None if operation.axis is None else x.at(operation.axis)
    given = call.argument(1, "indices")
    if value is None or isinstance(given, Flow):
        return Edits()
    old = np.asarray(given, dtype=np.int64) % len(value)

    def edit(args: Any, kwargs: Any, cut: Cut) -> tuple[Any, Any]:
        kept = cut.keep(value.ids)
        if len(kept) == len(value):
            return args, kwargs
        new = np.searchsorted(kept, old[np.isin(old, kept)])
        changed: Any = new.tolist()
        if isinstance(given, np.ndarray):
            changed = new.astype(given.dtype)
        elif hasattr(given, "numpy"):
            changed = keras.ops.convert_to_tensor(new, dtype=given.dtype)
        if len(args) > 1:
            return (args[0], changed, *args[2:]), kwargs
        return args, {**kwargs, "indices": changed}

    return Edits(arguments=edit, follows=(value.ids,))


def _slice(operation: Any, call: Call, axes: AxesOf) -> Edits:
    """ops.slice(inputs, start_indices, shape)."""
    x = call.first

    def config(config: dict[str, Any], cut: Cut) -> None:
        shape = list(operation.shape)
        for axis, value in axes.items():
            shape[axis] = len(cut.keep(value.ids))
        config["shape"] = tuple(shape)

    def arguments(args: Any, kwargs: Any, cut: Cut) -> tuple[Any, Any]:
        start = list(args[1] if len(args) > 1 else kwargs["start_indices"])
        for axis, value in x.axes.items():
            start[axis] = int(np.sum(cut.keep(value.ids) < start[axis]))
        if len(args) > 1:
            return (args[0], tuple(start), *args[2:]), kwargs
        return args, {**kwargs, "start_indices": tuple(start)}

    follows = tuple(value.ids for value in (*x.axes.values(), *axes.values()))
    return Edits(config=config, arguments=arguments, follows=follows)


def _constants(call: Call) -> Edits:
    """Constant arrays among the arguments that lie along an axis that shrinks (x * scale)."""
    leaves = tree.flatten((call.args, dict(call.kwargs)))
    if not any(isinstance(leaf, np.ndarray) or hasattr(leaf, "numpy") for leaf in leaves):
        return Edits()
    rank = max(flow.rank for flow in call.flows)
    by_end = {axis - flow.rank: value for flow in call.flows for axis, value in flow.axes.items()}

    def shrink(leaf: Any, cut: Cut) -> Any:
        if not (isinstance(leaf, np.ndarray) or hasattr(leaf, "numpy")):
            return leaf
        array = np.asarray(leaf)
        for end, value in by_end.items():
            if -end <= array.ndim <= rank and array.shape[end] == len(value):
                array = np.take(array, cut.keep(value.ids), axis=end)
        if array.shape == tuple(leaf.shape):
            return leaf
        # A tensor stays a tensor: the two are written down differently.
        whole = isinstance(leaf, np.ndarray)
        return array if whole else keras.ops.convert_to_tensor(array, dtype=leaf.dtype)

    def edit(args: Any, kwargs: Any, cut: Cut) -> tuple[Any, Any]:
        changed = tree.map_structure(lambda leaf: shrink(leaf, cut), (args, kwargs))
        return tuple(changed[0]), dict(changed[1])

    return Edits(arguments=edit)
