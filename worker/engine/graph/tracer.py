"""The rules' view of an analysis in progress: ids, variables, reasons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from worker.engine.graph.flow import Axis, Call, Flow
from worker.engine.graph.ids import FIXED, Ids, Reason
from worker.engine.graph.record import Record

Apply = Callable[["Tracer", Any, Call], list[Flow]]


class Tracer:
    """Shared by all rules of one analysis."""

    def __init__(self, paths: dict[int, str], apply: Apply, *, approximate: bool) -> None:
        self.record = Record()
        self.approximate = approximate
        self._apply = apply
        self._paths = paths

    def apply(self, operation: Any, call: Call) -> list[Flow]:
        """Follow a call of an inner layer, as a wrapper does."""
        return self._apply(self, operation, call)

    @property
    def ids(self) -> Ids:
        return self.record.ids

    def path(self, layer: Any) -> str:
        """A layer's path, or for an operation without one its name."""
        return self._paths.get(id(layer), str(getattr(layer, "name", layer)))

    def adopt(self, inner: Any, outer: Any) -> None:
        """Let an inner layer that has no place of its own be named by the layer that holds it."""
        self._paths.setdefault(id(inner), self.path(outer))

    def why(self, layer: Any, text: str, way_out: str | None = None) -> Reason:
        return Reason(self.path(layer), text, way_out)

    def tied(self, layer: Any) -> Reason:
        """The reason for freezing what a layer joins with channels that cannot go."""
        return self.why(layer, f"{self.path(layer)} joins it with channels that cannot be removed.")

    def freeze(self, flow: Flow, reason: Reason, axis: int | None = None) -> None:
        """Freeze one axis of a tensor, or all of them."""
        for number, value in flow.axes.items():
            if axis is None or number == axis % flow.rank:
                self.ids.freeze(value.ids, reason)

    def along(self, flow: Flow, axis: int, size: int) -> Axis:
        """The ids along an axis; one that cannot shrink is made of fixed ids."""
        known = flow.at(axis)
        return known if known is not None else Axis.of(np.full(size, FIXED, dtype=np.int64), False)

    def reads(self, layer: Any, variable: Any, axis: int, value: Axis, role: str = "in") -> None:
        """Register an existing axis of a tensor along an axis of a variable."""
        self.record.register(variable, axis, value.ids, role, self.tied(layer))

    def follows(
        self, layer: Any, variable: Any, axis: int, ids: np.ndarray, role: str = "bias"
    ) -> None:
        """Register ids along an axis of a variable."""
        self.record.register(variable, axis, ids, role, self.tied(layer))
