"""Dead units: what a weight mask leaves that nothing reads, or that no weight feeds.

To a fixpoint, for every unit that the graph allows to go:

    nothing reads it   remove it
    nothing feeds it   its value is a constant: remove it, and fold what it gives its readers into
                       their biases, or the moving mean of the BatchNorm behind them. A constant
                       that is not 0 stays where it would depend on the place: a padded or grouped
                       convolution, a recurrent layer, attention

A zero filter whose BatchNorm has a beta is such a constant, not nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from worker.engine import masks
from worker.engine.compaction import folding, rebuild
from worker.engine.compaction.constancy import Constant, Observed, Structure
from worker.engine.compaction.folding import Constants, Row
from worker.engine.compaction.rebuild import Compacted
from worker.engine.graph import Graph, Group, Slice

_STATISTICS = ("mean", "stat")


def compact_masked(model: keras.Model, graph: Graph, mask: masks.Masks) -> Compacted:
    """Remove every unit that the masked model does not need, exactly.

    Each masked weight must be 0 in `model` already (`masks.apply`).
    """
    variables = masks.variable_keys(model)
    for key, alive in mask.items():
        if masks.values(variables[key])[~alive].any():
            raise ValueError(f"{key} is not 0 where its mask is")
    search = _Search(model, graph)
    search.run()
    search.choose_carriers()
    compacted = rebuild.compact(model, graph, search.kept())
    changed = search.fold(compacted)
    return replace(compacted, folded=tuple(sorted(changed)))


class _Search:
    """Removes dead units from a copy of the weights, round by round, until none is left."""

    def __init__(self, model: keras.Model, graph: Graph) -> None:
        self._model, self._graph = model, graph
        self._structure = Structure(model, graph)
        self._variables = masks.variable_keys(model)
        self._keys = {key: self._variables[key] for g in graph.groups.values() for key in _keys(g)}
        self._values = {key: masks.values(v) for key, v in self._keys.items()}
        self._whole = dict(self._values)
        self._owners = _owners(model, self._keys)
        self._alive = {name: np.ones(g.units, bool) for name, g in graph.groups.items()}
        self._observed: Observed | None = None
        self._constants: dict[str, Constants] = {}

    def run(self) -> None:
        """Remove dead units until a round finds none."""
        while any([self._unread(), self._unfed()]):
            pass

    def kept(self) -> dict[str, np.ndarray]:
        """Units that stay, by group."""
        return {name: np.flatnonzero(alive) for name, alive in self._alive.items()}

    def _unread(self) -> bool:
        removed = False
        for name, group in self._graph.groups.items():
            if not group.approximate:
                idle = ~self._is_read(group) & self._alive[name]
                removed |= self._remove(name, np.flatnonzero(idle))
        return removed

    def _is_read(self, group: Group) -> np.ndarray:
        """Units whose value matters: some weight reads them, or they are compared as they are."""
        readers = [one for one in group.slices if self._reads(one)]
        weighted = np.zeros(group.units, bool)
        for one in readers:
            weighted[one.unit] = True
        everything = [one for one in group.slices if one.role not in _STATISTICS]
        plain = ~weighted | group.needs_zero
        return _used(group, self._values, readers) | (
            plain & _used(group, self._values, everything)
        )

    def _reads(self, one: Slice) -> bool:
        owner = self._owners[one.key]
        if one.role == "out":  # A tied embedding reads with the columns that it writes with.
            return isinstance(owner, keras.layers.ReversibleEmbedding)
        if one.role == "channel":  # It adds its channels up to scores, each times its own scale.
            return isinstance(owner, keras.layers.AdditiveAttention)
        return one.role in ("in", "self")

    def _unfed(self) -> bool:
        self._structure.look_at(self._values)
        removed = False
        for name, group in self._graph.groups.items():
            if group.approximate or group.needs_zero:
                continue
            for unit in np.flatnonzero(self._alive[name] & self._may_be_constant(group)).tolist():
                rows = self._constants_of(group, unit)
                if rows is not None and self._remove(name, np.array([unit])):
                    for key, row, value in rows:
                        self._constants[key].rows.append(Row((name, unit), row, value))
                    removed = True
        return removed

    def _may_be_constant(self, group: Group) -> np.ndarray:
        """Units that no weight feeds, or that a depthwise kernel of zeros cuts off."""
        producers = [one for one in group.slices if one.role == "out"]
        cut_off = np.zeros(group.units, bool)
        for one in group.slices:
            if one.role == "channel" and self._keys[one.key].name == "kernel":
                cut_off |= ~_used(group, self._values, [one])
        return cut_off | ~_used(group, self._values, producers)

    def _constants_of(self, group: Group, unit: int) -> list[tuple[str, int, float]] | None:
        """What a constant unit gives: (kernel, row, value) of each; None where it must stay."""
        root = int(group.roots[unit])
        found: list[tuple[str, int, float]] = []
        for one in group.slices:
            at = one.positions[one.unit == unit]
            value = self._values[one.key]
            if not len(at) or not self._reads(one) or not np.take(value, at, one.axis).any():
                continue
            if one.role != "in":
                return None
            given = self._constant_inputs(self._owners[one.key], root, at)
            if given is None:
                return None
            if any(given):
                if not self._foldable(one):
                    return None
                found += zip([one.key] * len(at), at.tolist(), given, strict=True)
        return found

    def _constant_inputs(self, layer: Any, root: int, at: np.ndarray) -> list[float] | None:
        """The unit's values at a reader's inputs, the same in all of its calls; None: they vary."""
        met: list[np.ndarray] = []
        for node in self._structure.calls[id(layer)]:
            for tensor in node.input_tensors:
                for axis, places in self._structure.places(tensor, root):
                    judged = self._structure.constant(tensor, root)
                    if judged is Constant.VARIES:
                        return None
                    value = self._observe().value(tensor, axis, places)
                    if value is None or (judged is Constant.IF_ZERO and value.any()):
                        return None
                    met.append(value)
        if not any(value.any() for value in met):
            return [0.0] * len(at) if met else None
        first = met[0]
        if len(first) != len(at) or any(not np.array_equal(first, other) for other in met[1:]):
            return None
        return [float(constant) for constant in first]

    def _foldable(self, one: Slice) -> bool:
        if one.key not in self._constants:
            layer = self._owners[one.key]
            target = folding.target_of(layer, self._structure, self._graph)
            if target is None:
                return False
            self._constants[one.key] = Constants(target)
            self._whole[target.key] = masks.values(self._variables[target.key])
        return True

    def _observe(self) -> Observed:
        if self._observed is None:
            self._observed = Observed(self._model, self._graph)
        return self._observed

    def _remove(self, name: str, units: np.ndarray) -> bool:
        spare = int(self._alive[name].sum()) - self._graph.groups[name].minimum
        gone = units[: max(spare, 0)]
        self._alive[name][gone] = False
        if len(gone):
            for one in self._graph.groups[name].slices:
                at = one.positions[np.isin(one.unit, gone)]
                value = self._own(one.key)
                value[(slice(None),) * one.axis + (at,)] = 0
        return bool(len(gone))

    def _own(self, key: str) -> np.ndarray:
        if self._values[key] is self._whole[key]:
            self._values[key] = self._whole[key].copy()
        return self._values[key]

    def choose_carriers(self) -> None:
        """Bring one dead unit of each folded layer back where rounding would show."""
        waiting = dict(self._constants)
        changed = True
        while changed:
            changed = False
            keep = self._graph.keep(self.kept())
            for key, constants in list(waiting.items()):
                if not constants.rows or not self._rounds(key, constants, keep):
                    continue
                constants.carrier = constants.choose_carrier(self._restored())
                name, unit = constants.carrier.owner
                self._alive[name][unit] = True
                del waiting[key]
                changed = True
        self._leave_single_units()

    def _rounds(self, key: str, constants: Constants, keep: Any) -> bool:
        """Whether an output that stays would be off by more than float64 rounds."""
        target = self._whole[constants.target.key]
        _, remainder = folding.split(target, constants.added(self._whole[key], set()))
        stays = keep.get(constants.target.key, {}).get(0, slice(None))
        return not folding.is_negligible(remainder[stays], target[stays])

    def _restored(self) -> set[tuple[str, int]]:
        return {
            row.owner
            for constants in self._constants.values()
            for row in constants.rows
            if self._alive[row.owner[0]][row.owner[1]]
        }

    def _leave_single_units(self) -> None:
        """A carrier with nothing but its own constant to carry is left as it was."""
        restored = self._restored()
        for constants in self._constants.values():
            if {row.owner for row in constants.folded(restored)} <= restored:
                constants.rows, constants.carrier = [], None

    def fold(self, compacted: Compacted) -> set[str]:
        """Give the readers of removed constants what they lost; returns the changed keys."""
        small = masks.variable_keys(compacted.model)
        restored = self._restored()
        changed: set[str] = set()
        for key, constants in self._constants.items():
            added = constants.added(self._whole[key], restored)
            target = constants.target.key
            stays = compacted.keep.get(target, {}).get(0, slice(None))
            before = masks.values(small[target])
            after, remainder = folding.split(before, added[stays])
            if not np.array_equal(before, after):
                small[target].assign(after)
                changed.add(target)
            if constants.carrier is not None:
                value = masks.values(small[key])
                places = compacted.keep.get(key, {}).get(value.ndim - 2)
                rows = np.arange(value.shape[-2]) if places is None else np.asarray(places)
                small[key].assign(folding.carry(value, constants, rows, remainder))
                changed.add(key)
        return changed


def _keys(group: Group) -> Iterator[str]:
    return (one.key for one in group.slices)


def _used(group: Group, values: dict[str, np.ndarray], slices: list[Slice]) -> np.ndarray:
    """Units with a weight that is not 0 in any of the slices."""
    used = np.zeros(group.units, bool)
    for one in slices:
        value = values[one.key]
        others = tuple(axis for axis in range(value.ndim) if axis != one.axis)
        there = np.any(value != 0, axis=others)[one.positions]
        used |= np.bincount(one.unit, weights=there, minlength=group.units) > 0
    return used


def _owners(model: keras.Model, keys: Mapping[str, Any]) -> dict[str, Any]:
    """The layer that holds each variable."""
    names = {id(variable): key for key, variable in keys.items()}
    return {
        names[id(variable)]: layer
        for layer in masks.layer_paths(model).values()
        if not isinstance(layer, keras.Model)
        for variable in layer.weights
        if id(variable) in names
    }
