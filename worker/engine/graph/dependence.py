"""Which channels of an input axis each output place depends on, read from perturbed runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from worker.engine.graph.bench import KINDS, Bench
from worker.engine.graph.flow import Axis
from worker.engine.graph.ids import Ids
from worker.engine.graph.layout import ANY

_FEW = 256
_MOST = 5_000_000


@dataclass(frozen=True)
class OutputDependence:
    """What one output depends on.

    where: a position of the input axis for every place (no batch axis), ANY where constant.
    together: sets of positions that some place depends on at once.
    """

    where: np.ndarray
    together: tuple[np.ndarray, ...]

    @property
    def several(self) -> bool:
        """Some place depends on more than one class."""
        return bool(self.together)

    @property
    def unclear(self) -> bool:
        """Values do not tell the axis: places mix classes, or nothing depends on any."""
        return self.several or bool((self.where == ANY).all())

    def in_place(self, axis: int, value: Axis) -> tuple[int, Axis] | None:
        """The claim that the output keeps the input's axis where it was."""
        shape = (0, *self.where.shape)
        if axis < len(shape) and shape[axis] == len(value):
            return axis, value
        ends = [at for at in range(1, len(shape)) if shape[at] == len(value)]
        return (ends[-1], value) if ends else None


@dataclass(frozen=True)
class Dependence:
    """One input axis, every output."""

    outputs: tuple[OutputDependence, ...]

    @property
    def unclear(self) -> bool:
        return any(output.unclear for output in self.outputs)


def dependence(ids: Ids, bench: Bench, number: int, axis: int, value: Axis) -> Dependence:
    """Perturb the slabs of one axis, each bit of the class number set and unset."""
    _, classes = np.unique(ids.find(value.ids), return_inverse=True)
    bits = max(1, int(classes.max()).bit_length())
    slabs = [((classes >> bit) & 1) == side for side in (0, 1) for bit in range(bits)]
    changed = _changes(bench, number, axis, slabs)
    read = [_read(each[bits:], each[:bits], classes) for each in changed]
    count = int(classes.max()) + 1
    places = max(each[0].size for each in changed)
    if any(one.several for one in read) and count <= _FEW and count * places <= _MOST:
        # Bits tell several classes apart only roughly: perturb them one by one.
        alone = _changes(bench, number, axis, [classes == one for one in range(count)])
        read = [_exactly(each, classes) for each in alone]
    return Dependence(tuple(read))


def _changes(bench: Bench, number: int, axis: int, slabs: list[np.ndarray]) -> list[np.ndarray]:
    """For each output: (slabs, places), the places that change when a slab is perturbed."""
    generator = np.random.default_rng(1)
    flow = bench.flows[number]
    found: list[list[np.ndarray]] = []
    for kind in KINDS[:4]:
        base = bench.sample(kind, generator)
        other = bench.sample(kind, generator)[id(flow)]
        plain = bench.run(base)
        for at, slab in enumerate(slabs):
            view = [1] * other.ndim
            view[axis] = len(slab)
            mixed = np.where(slab.reshape(view), other, base[id(flow)])
            result = bench.run({**base, id(flow): mixed})
            for o, (a, b) in enumerate(zip(plain, result, strict=True)):
                if len(found) <= o:
                    found.append([])
                if len(found[o]) <= at:
                    found[o].append(_differs(a, b))
                else:
                    found[o][at] |= _differs(a, b)
    return [np.stack(each) for each in found]


def _differs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Changed places, whatever example of the batch they changed in."""
    if a.shape != b.shape:
        raise ValueError("the shape depends on the values")
    different = a != b
    if a.dtype.kind == "f":
        different &= ~(np.isnan(a) & np.isnan(b))
    return different.any(axis=0) if different.ndim else different.reshape(())


def _read(on: np.ndarray, off: np.ndarray, classes: np.ndarray) -> OutputDependence:
    """Decode class numbers; a bit that changes both ways leaves several classes."""
    bits = len(on)
    weights = (1 << np.arange(bits)).reshape((bits,) + (1,) * (on.ndim - 1))
    known = (on * weights).sum(axis=0)
    open_bits = ((on & off) * weights).sum(axis=0)
    constant = ~(on | off).any(axis=0)
    # A bit seen neither set nor unset, at a place that does depend on something, may be either.
    unseen = ((~on & ~off) * weights).sum(axis=0)
    open_bits = np.where(constant, 0, open_bits | unseen)
    first = _first(classes)
    together, where = [], np.full(known.shape, ANY, dtype=np.int64)
    patterns = np.stack([known[~constant], open_bits[~constant]], axis=-1)
    unique, inverse = np.unique(patterns, axis=0, return_inverse=True)
    stands = np.zeros(len(unique), dtype=np.int64)
    for n, (value, free) in enumerate(unique.tolist()):
        members = np.flatnonzero((classes & ~free) == (value & ~free))
        if not len(members):
            members = np.arange(len(classes))
        stands[n] = members[0]
        if len(np.unique(classes[members])) > 1:
            together.append(first[np.unique(classes[members])])
    where[~constant] = stands[inverse.reshape(-1)]
    return OutputDependence(where, tuple(together))


def _exactly(changed: np.ndarray, classes: np.ndarray) -> OutputDependence:
    """From (classes, places): each place's own set of classes."""
    first = _first(classes)
    constant = ~changed.any(axis=0)
    where = np.where(constant, ANY, first[changed.argmax(axis=0)])
    sets = np.unique(changed.reshape(len(changed), -1), axis=1).T
    together = tuple(first[np.flatnonzero(members)] for members in sets if members.sum() > 1)
    return OutputDependence(where, together)


def _first(classes: np.ndarray) -> np.ndarray:
    """The first position of each class."""
    first = np.zeros(int(classes.max()) + 1, dtype=np.int64)
    first[classes[::-1]] = np.arange(len(classes))[::-1]
    return first
