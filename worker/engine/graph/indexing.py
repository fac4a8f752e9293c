"""Operations that pick places by number: x[...], ops.take, ops.slice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from worker.engine.graph.edits import Edits
from worker.engine.graph.flow import Axis, Call, Flow
from worker.engine.graph.record import Cut


def get_item(call: Call) -> Edits:
    """x[key], where the key may hold numbers, slices, None and dots."""
    x = call.first

    def edit(args: Any, kwargs: Any, cut: Cut) -> tuple[Any, Any]:
        key = args[1] if len(args) > 1 else kwargs["key"]
        items = list(key) if isinstance(key, list | tuple) else [key]
        new = [_cut_item(item, axis, x, cut) for item, axis in _consumed(items, x.rank)]
        changed: Any = new[0] if not isinstance(key, list | tuple) else tuple(new)
        if len(args) > 1:
            return (args[0], changed, *args[2:]), kwargs
        return args, {**kwargs, "key": changed}

    key = call.argument(1, "key")
    items = list(key) if isinstance(key, list | tuple) else [key]
    return Edits(
        arguments=edit,
        follows=tuple(value.ids for value in x.axes.values()),
        ties=tuple(_ties(items, x)),
    )


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


def _ties(items: list[Any], x: Flow) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """A slice of every n-th place stays one where n neighbours go at a time."""
    for item, axis in _consumed(items, x.rank):
        value = None if axis is None else x.at(axis)
        if value is not None and isinstance(item, slice) and (item.step or 1) > 1:
            places = np.arange(len(value))
            yield value.ids, value.ids[places - places % item.step]


def _cut_item(item: Any, axis: int | None, x: Flow, cut: Cut) -> Any:
    value = None if axis is None else x.at(axis)
    if value is None:
        return item
    kept = cut.keep(value.ids)
    if len(kept) == len(value):
        return item
    if isinstance(item, slice):
        step = item.step or 1
        if step < 1:
            return item
        start, stop, _ = item.indices(len(value))
        low = int(np.sum(kept < start - start % step)) + start % step
        high = int(np.sum(kept < stop))
        ends = (None if item.start is None else low, None if item.stop is None else high)
        return slice(*ends, item.step if step > 1 else None)
    if isinstance(item, int):
        place = item % len(value)
        return int(np.sum(kept < place))
    return item


def take(operation: Any, call: Call) -> Edits:
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


def part(operation: Any, call: Call, axes: Mapping[int, Axis]) -> Edits:
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
