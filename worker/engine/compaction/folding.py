"""Where a constant input of a layer goes: into its bias, or the moving mean of the next BatchNorm.

Rounding the sum to the variable's dtype would be the one inexact step, so one of the dead units
stays: its row carries the remainder, and the result is exact to about 1e-15.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from worker.engine.compaction.constancy import Structure
from worker.engine.graph import Graph

FOLDABLE = (layers.Dense, layers.Conv1D, layers.Conv2D, layers.Conv3D)


@dataclass(frozen=True)
class Target:
    """The variable that takes in `sign * constant`, at positions of the layer's outputs."""

    key: str
    sign: float


class Row(NamedTuple):
    """Input `row` of a kernel always holds `value`: what the dead unit `owner` gives."""

    owner: tuple[str, int]
    row: int
    value: float


@dataclass
class Constants:
    """The constants that one layer reads from dead units, and where they go.

    carrier: the dead unit that stays, to carry what rounding leaves over.
    """

    target: Target
    rows: list[Row] = field(default_factory=list)
    carrier: Row | None = None

    def folded(self, restored: set[tuple[str, int]]) -> list[Row]:
        """Rows that go into the target: not those of units that stay for another layer's sake."""
        mine = self.carrier.owner if self.carrier else None
        return [row for row in self.rows if row.owner == mine or row.owner not in restored]

    def added(self, kernel: np.ndarray, restored: set[tuple[str, int]]) -> np.ndarray:
        """What the folded rows give to every output, in float64: summed over the window."""
        window = tuple(range(kernel.ndim - 2))
        total = np.zeros(kernel.shape[-1])
        for row in self.folded(restored):
            total += row.value * kernel[..., row.row, :].astype(np.float64).sum(axis=window)
        return self.target.sign * total

    def choose_carrier(self, restored: set[tuple[str, int]]) -> Row:
        """The largest constant, of a unit that stays anyway where there is one."""
        staying = [row for row in self.rows if row.owner in restored]
        return max(staying or self.rows, key=lambda row: abs(row.value))


def target_of(layer: Any, structure: Structure, graph: Graph) -> Target | None:
    """Where a constant input of a layer can go; None where that would not be exact."""
    if type(layer) not in FOLDABLE:
        return None
    if not isinstance(layer, layers.Dense):
        if layer.groups != 1:
            return None
        if layer.padding != "valid" and any(size > 1 for size in layer.kernel_size):
            return None
    if layer.use_bias:
        return Target(graph.keys[id(layer.bias)], 1.0)
    norm = _next_norm(layer, structure)
    if norm is None:
        return None
    return Target(graph.keys[id(norm.moving_mean)], -1.0)


def _next_norm(layer: Any, structure: Structure) -> Any | None:
    """The BatchNorm that alone reads this layer, and reads nothing else."""
    if layer.activation is not keras.activations.linear:
        return None
    calls = structure.calls[id(layer)]
    readers = [node for call in calls for node in structure.readers[id(call.outputs[0])]]
    if len(calls) != 1 or len(readers) != 1:
        return None
    norm = readers[0].operation
    if type(norm) is not layers.BatchNormalization or len(structure.calls[id(norm)]) != 1:
        return None
    rank = len(calls[0].outputs[0].shape)
    channels = 1 if getattr(layer, "data_format", "") == "channels_first" else rank - 1
    if norm.axis % rank != channels or readers[0].arguments.kwargs.get("training"):
        return None
    return norm


def carry(
    kernel: np.ndarray, constants: Constants, places: np.ndarray, remainder: np.ndarray
) -> np.ndarray:
    """The compact kernel with the carrier's rows replaced: they give `remainder`, and no more.

    places: the kept input rows of the full kernel, ascending.
    """
    carrier = constants.carrier
    assert carrier is not None
    result = kernel.copy()
    for row in constants.rows:
        if row.owner == carrier.owner:
            result[..., np.searchsorted(places, row.row), :] = 0
    centre = tuple((size - 1) // 2 for size in kernel.shape[:-2])
    given = constants.target.sign * remainder / carrier.value
    result[(*centre, int(np.searchsorted(places, carrier.row)))] = given
    return result


def split(value: np.ndarray, added: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`value + added` in the dtype of `value`, and what rounding left over, in float64."""
    exact = value.astype(np.float64) + added
    rounded = exact.astype(value.dtype)
    return rounded, exact - rounded.astype(np.float64)


def is_negligible(remainder: np.ndarray, value: np.ndarray) -> bool:
    """Whether float64 itself would hardly do better."""
    size = np.maximum(1.0, np.abs(value.astype(np.float64)))
    return bool((np.abs(remainder) <= 1e-15 * size).all())
