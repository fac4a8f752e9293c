"""Masked against compact, one operation at a time: each gets the masked network's own values.

End to end a deep network may amplify what rounding does until nothing can be said; here nothing
adds up, and a wrong operation is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from worker.engine.compaction import stepwise
from worker.engine.graph import Cut, Graph, analyse
from worker.engine.graph.walk import graph_of, nodes_in_order

Keep = Mapping[str, Mapping[int, Sequence[int] | np.ndarray]]


@dataclass(frozen=True)
class Local:
    """largest: difference of one operation's outputs, relative to their size."""

    operations: int
    largest: float
    worst: str | None


def compare(
    masked_model: keras.Model,
    compact_model: keras.Model,
    keep: Keep,
    given: Sequence[np.ndarray],
    *,
    dtype: str | None = None,
    approximate: bool = False,
) -> Local:
    """Run the masked model, and each operation of the compact one on what its twin was given."""
    graph = analyse(masked_model, approximate=approximate)
    pairs = _Pairs(graph, _cut(graph, keep), dtype)
    pairs.add(masked_model, compact_model)
    stepwise.run(masked_model, given, dtype=dtype, watch=pairs.watch)
    return Local(pairs.operations, pairs.largest, pairs.worst)


def _cut(graph: Graph, keep: Keep) -> Cut:
    """What stays, read from the kept indices of the variables."""
    alive = np.ones(len(graph.record.ids), bool)
    for one in graph.registered:
        kept = keep.get(graph.keys[id(one.variable)], {}).get(one.axis)
        if kept is not None:
            gone = np.ones(len(one.ids), bool)
            gone[np.asarray(kept, int)] = False
            alive[graph.record.ids.find(one.ids[gone])] = False
    return Cut(graph.record, alive)


class _Pairs:
    """Pairs the calls of both models, and compares them as the masked one runs."""

    def __init__(self, graph: Graph, cut: Cut, dtype: str | None) -> None:
        self._graph, self._kept, self._dtype = graph, cut, dtype
        self._twins: dict[int, Any] = {}
        self.operations, self.largest, self.worst = 0, 0.0, None

    def add(self, first: Any, second: Any) -> None:
        """Pair the calls of two models, and of the models nested in them, by their order."""
        for one, other in zip(
            nodes_in_order(graph_of(first)), nodes_in_order(graph_of(second)), strict=True
        ):
            self._twins[id(one)] = other
            if graph_of(one.operation) is not None:
                self.add(one.operation, other.operation)

    def watch(self, node: Any, inputs: list[Any], outputs: list[Any]) -> None:
        """Compare one call."""
        if graph_of(node.operation) is not None:
            return
        twin = self._twins[id(node)]
        given = {
            id(symbol): self._cut(mine, value)
            for symbol, mine, value in zip(
                twin.input_tensors, node.input_tensors, inputs, strict=True
            )
        }
        args, kwargs = twin.arguments.fill_in(given)
        found = stepwise.call(twin.operation, args, kwargs, self._dtype)
        for symbol, mine, theirs in zip(node.outputs, outputs, found, strict=True):
            expected = _array(self._cut(symbol, mine))
            self._note(node.operation, expected, _array(theirs))
        self.operations += 1

    def _note(self, operation: Any, expected: np.ndarray, found: np.ndarray) -> None:
        if expected.shape != found.shape:
            difference = float("inf")
        else:
            same = (expected == found) | (np.isnan(expected) & np.isnan(found))
            with np.errstate(invalid="ignore"):
                apart = np.where(same, 0.0, np.abs(expected - found))
            size = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
            worst = float(np.nan_to_num(apart, nan=np.inf).max(initial=0.0))
            difference = worst / max(float(size), 1e-30) if worst else 0.0
        if difference > self.largest:
            self.largest, self.worst = difference, operation.name

    def _cut(self, symbol: Any, value: Any) -> Any:
        """The channels of a tensor that stay, its mask over time with it."""
        flow = self._graph.record.flows.get(id(symbol))
        result = value
        for axis, ids in (flow.axes if flow else {}).items():
            at = self._kept.keep(ids.ids)
            if len(at) < len(ids.ids):
                result = keras.ops.take(result, at, axis=axis)
        mask = getattr(value, "_keras_mask", None)
        if mask is not None and result is not value:
            result._keras_mask = mask
        return result


def _array(value: Any) -> np.ndarray:
    array = np.asarray(keras.ops.convert_to_numpy(value))
    return array.astype(np.float64) if array.dtype.kind != "c" else array
