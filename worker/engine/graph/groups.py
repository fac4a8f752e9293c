"""Groups: units that have the same standing everywhere, and may go one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from worker.engine.graph.ids import Reason
from worker.engine.graph.record import Record, Registered


@dataclass(frozen=True)
class Slice:
    """Where a group's units lie along one axis of one variable.

    positions, unit: place p of the axis, and the number of the unit it belongs to, pairwise.
    """

    key: str
    axis: int
    role: str
    positions: np.ndarray
    unit: np.ndarray
    units: int

    @cached_property
    def index(self) -> tuple[np.ndarray, ...]:
        """For each unit the positions that are its own, ascending."""
        order = np.argsort(self.unit, kind="stable")
        bounds = np.searchsorted(self.unit[order], np.arange(self.units + 1))
        places = self.positions[order]
        return tuple(places[bounds[u] : bounds[u + 1]] for u in range(self.units))


@dataclass(frozen=True)
class Group:
    """`units` independent choices; whatever is chosen, at least `minimum` of them must stay.

    layers: all that hold weights of the units.
    own: those of them that make the units or act on each; the others only read them.
    needs_zero: leaving units out is exact only because their values are 0 in the masked model.
    roots: the class of ids behind each unit.
    """

    name: str
    layers: tuple[str, ...]
    own: tuple[str, ...]
    units: int
    slices: tuple[Slice, ...]
    roots: np.ndarray
    needs_zero: bool = False
    approximate: bool = False
    minimum: int = 1


def group(
    record: Record, keys: Mapping[int, str], owners: Mapping[str, str]
) -> tuple[dict[str, Group], list[Registered]]:
    """Build every group; also returns the registered axes that belong to variables with a key.

    Args:
        keys: variable key by `id(variable)`.
        owners: layer path by variable key.
    """
    registered = [r for r in record.variables.values() if id(r.variable) in keys]
    members = _signatures(record)
    found: list[_Draft] = []
    of_root: dict[int, tuple[int, int]] = {}
    for roots in members:
        if len(roots) < 2:
            record.ids.freeze(roots, Reason("", "It is the only unit of its kind there."))
            continue
        for number, root in enumerate(roots.tolist()):
            of_root[root] = (len(found), number)
        found.append(_Draft(roots))
    which = np.full(len(record.ids), -1, dtype=np.int64)
    unit = np.zeros(len(record.ids), dtype=np.int64)
    for root, (draft, number) in of_root.items():
        which[root], unit[root] = draft, number
    for one in registered:
        roots = record.ids.find(one.ids)
        for number in np.unique(which[roots]).tolist():
            if number >= 0:
                at = np.flatnonzero(which[roots] == number)
                draft = found[number]
                key = keys[id(one.variable)]
                units = len(draft.roots)
                draft.label = draft.label or one.label
                draft.slices.append(Slice(key, one.axis, one.role, at, unit[roots[at]], units))
    _bound(found, record, which, unit)
    return _named(found, record, owners), registered


@dataclass
class _Draft:
    roots: np.ndarray
    slices: list[Slice] = field(default_factory=list)
    label: str = ""
    minimum: int = 1


def _bound(found: list[_Draft], record: Record, which: np.ndarray, unit: np.ndarray) -> None:
    """Turn how many places of an axis must stay into units; several groups there stay whole."""
    for ids, count in record.least:
        roots = record.ids.find(ids)
        here = np.unique(which[roots[which[roots] >= 0]])
        for number in here.tolist():
            draft, places = found[number], roots[which[roots] == number]
            fewest = int(np.bincount(unit[places], minlength=len(draft.roots)).min())
            open_places = count - (len(ids) - len(places))
            needed = -(-open_places // max(fewest, 1)) if len(here) == 1 else len(draft.roots)
            draft.minimum = min(max(draft.minimum, needed), len(draft.roots))


def _signatures(record: Record) -> list[np.ndarray]:
    """Classes that can go, those that occur in exactly the same axes together; in id order."""
    generator = np.random.default_rng(0)
    marks = np.zeros((len(record.ids), 2), dtype=np.uint64)
    axes: dict[int, np.ndarray] = {}
    for ids in [r.ids for r in record.variables.values()] + list(record.tensors.values()):
        axes[id(ids)] = ids
    for ids in axes.values():
        marks[np.unique(record.ids.find(ids))] ^= generator.integers(
            0, 2**63, size=2, dtype=np.uint64
        )
    every = np.arange(len(record.ids))
    roots = every[(record.ids.find(every) == every) & ~record.ids.is_frozen(every)]
    if not len(roots):
        return []
    _, label = np.unique(marks[roots], axis=0, return_inverse=True)
    label = label.reshape(-1)
    order = np.argsort(label, kind="stable")
    parts = np.split(roots[order], np.flatnonzero(np.diff(label[order])) + 1)
    return sorted(parts, key=lambda part: int(part[0]))


def _named(found: list[_Draft], record: Record, owners: Mapping[str, str]) -> dict[str, Group]:
    needing = set(record.ids.needing_zero().tolist())
    result: dict[str, Group] = {}
    for draft in found:
        if not draft.slices:
            continue
        layers = tuple(dict.fromkeys(owners[s.key] for s in draft.slices))
        name = _name(draft, owners, result)
        result[name] = Group(
            name=name,
            layers=layers,
            own=tuple(dict.fromkeys(owners[s.key] for s in draft.slices if s.role != "in")),
            units=len(draft.roots),
            slices=tuple(draft.slices),
            roots=draft.roots,
            needs_zero=any(int(root) in needing for root in draft.roots),
            approximate=any(layer in record.approximate for layer in layers),
            minimum=draft.minimum,
        )
    return result


def _name(draft: _Draft, owners: Mapping[str, str], taken: Mapping[str, Any]) -> str:
    """The first layer that produces the units; a second group of one layer is numbered."""
    producers = [s for s in draft.slices if s.role == "out"] or draft.slices
    base = owners[producers[0].key] + (f":{draft.label}" if draft.label else "")
    name, number = base, 2
    while name in taken:
        name, number = f"{base}:{number}", number + 1
    return name
