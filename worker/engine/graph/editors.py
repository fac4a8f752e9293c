"""How an operation's sizes follow a cut: shapes, split points, indices, constants.

Each editor looks at the axes that go in and come out, and gives an edit of the configuration, of
the arguments, or neither. Whether the edit is right is for the probe to find out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from worker.engine.graph import indexing
from worker.engine.graph.edits import Edits
from worker.engine.graph.flow import Axis, Call
from worker.engine.graph.operands import constants
from worker.engine.graph.record import Cut

AxesOf = Mapping[int, Axis]


def editors(operation: Any, call: Call, outputs: list[dict[int, Axis]]) -> Edits:
    """The edits that go with these output axes."""
    name = type(operation).__name__
    if name in ("Reshape", "BroadcastTo"):
        return _shape(operation, {"Reshape": "newshape", "BroadcastTo": "shape"}[name], outputs[0])
    if name == "Split":
        return _split(operation, call)
    if name == "GetItem":
        return indexing.get_item(call)
    if name == "Take":
        return indexing.take(operation, call)
    if name == "Slice":
        return indexing.part(operation, call, outputs[0])
    if name == "DotProductAttention":
        return _attention(call)
    return constants(operation, call)


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


def _attention(call: Call) -> Edits:
    """Scores are divided by the root of the heads' size, whatever is left of it.

    Keras takes the shape of the output from the query, so values lose what queries lose.
    """
    query, value = call.argument(0, "query"), call.argument(2, "value")
    dims, given = query.at(-1), value.at(-1)
    if dims is None or given is None:
        return Edits()

    def edit(args: Any, kwargs: Any, cut: Cut) -> tuple[Any, Any]:
        if len(cut.keep(dims.ids)) == len(dims) or call.argument(5, "scale") is not None:
            return args, kwargs
        scale = float(np.float32(1.0) / np.sqrt(np.float32(len(dims))))
        return args[:5], {**kwargs, "scale": scale}

    return Edits(arguments=edit, follows=(dims.ids,), ties=((dims.ids, given.ids),))
