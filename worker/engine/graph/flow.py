"""What is known of a tensor in the graph: its shape, and which ids lie along which axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Axis:
    """Ids along one axis of a tensor.

    zero: per position, whether a removed channel's value is exactly 0 in the masked model. Only
    then may an operation that mixes channels (a sum, a dot product) leave the channel out.
    same: per position, whether that value is at least one and the same at all places: f(0), say.
    """

    ids: np.ndarray
    zero: np.ndarray
    same: np.ndarray | None = None

    @classmethod
    def of(cls, ids: np.ndarray, zero: bool | np.ndarray) -> Axis:
        """An axis whose `zero` may be one value for all positions."""
        return cls(ids, np.broadcast_to(np.asarray(zero, dtype=bool), ids.shape))

    def with_zero(self, zero: bool | np.ndarray) -> Axis:
        """The same ids, with `zero` and-ed to what was known."""
        return Axis(self.ids, self.zero & zero)

    def through(self, keeps_zero: bool) -> Axis:
        """After a function of each value by itself, which may keep 0 at 0."""
        return Axis(self.ids, self.zero & keeps_zero, self.steady)

    @property
    def steady(self) -> np.ndarray:
        """`same`, which is at least where `zero` is."""
        return self.zero if self.same is None else self.same

    def __len__(self) -> int:
        return len(self.ids)


Axes = Mapping[int, Axis]


@dataclass(frozen=True)
class Flow:
    """A tensor on its way through the graph. An axis that is not in `axes` cannot shrink."""

    shape: Shape
    dtype: str = "float32"
    axes: Axes = field(default_factory=dict)

    @property
    def rank(self) -> int:
        return len(self.shape)

    def at(self, axis: int) -> Axis | None:
        """The ids along an axis, which may be counted from the end."""
        return self.axes.get(axis % self.rank)

    def without(self, axis: int) -> dict[int, Axis]:
        """All axes but one."""
        return {a: value for a, value in self.axes.items() if a != axis % self.rank}


@dataclass(frozen=True)
class Call:
    """One call of an operation: its arguments with a Flow in place of each tensor."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    outputs: tuple[Flow, ...]
    node: Any = None

    @property
    def flows(self) -> list[Flow]:
        """Every tensor among the arguments, in order."""
        return flows_of((self.args, dict(self.kwargs)))

    @property
    def first(self) -> Flow:
        """The main input."""
        return self.flows[0]

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        """An argument given by position or by name."""
        if len(self.args) > position:
            return self.args[position]
        return self.kwargs.get(name, default)


def flows_of(value: Any) -> list[Flow]:
    """Every tensor in nested arguments, in the order of `keras.tree`."""
    if isinstance(value, Flow):
        return [value]
    if isinstance(value, Mapping):
        return [flow for key in sorted(value) for flow in flows_of(value[key])]
    if isinstance(value, list | tuple):
        return [flow for item in value for flow in flows_of(item)]
    return []


def is_array(leaf: Any) -> bool:
    """Whether an argument is a constant array."""
    return isinstance(leaf, np.ndarray) or hasattr(leaf, "numpy")
