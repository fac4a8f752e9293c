"""Trying a claim: the smaller operation must give what the whole one gives on what stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from worker.engine.graph.bench import FAILURES, KINDS, Bench
from worker.engine.graph.claims import Claim
from worker.engine.graph.flow import Axis
from worker.engine.graph.ids import Ids

_TOLERANCE = 1e-9
_HALVES = 3


@dataclass(frozen=True)
class _Choice:
    """Some classes removed, on a trial copy of the ids."""

    ids: Ids
    alive: np.ndarray

    def keep(self, ids: np.ndarray) -> np.ndarray:
        return np.flatnonzero(self.alive[self.ids.find(ids)])


def verify(claim: Claim, bench: Bench) -> Claim | None:
    """The claim with the `zero` of its outputs filled in, or None where it does not hold."""
    zeros = [{at: _Zero(len(v)) for at, v in o.items()} for o in claim.outputs]
    generator = np.random.default_rng(2)
    ids = [value.ids for flow in bench.flows for value in flow.axes.values()]
    every = np.unique(claim.ids.find(np.concatenate(ids)))
    free = every[~claim.ids.is_frozen(every)]
    choices = list(_choices(claim, ids, free, generator))
    if len(free) and not choices:
        return None
    try:
        for number, choice in enumerate(choices):
            for kind in KINDS:
                if not _holds(claim, bench, choice, kind, generator, zeros, first=number == 0):
                    return None
    except FAILURES:
        return None
    for output, known in zip(claim.outputs, zeros, strict=True):
        for at, zero in known.items():
            output[at] = Axis(output[at].ids, zero.seen & zero.zero)
    return claim


class _Zero:
    """Along one output axis: places that were removed in some trial, and were 0 in all those."""

    def __init__(self, size: int) -> None:
        self.seen = np.zeros(size, dtype=bool)
        self.zero = np.ones(size, dtype=bool)


def _choices(
    claim: Claim, ids: list[np.ndarray], free: np.ndarray, generator: np.random.Generator
) -> Iterator[_Choice]:
    """Random halves and their complements, so that each class goes at least once; one alone."""
    for _ in range(_HALVES):
        half = generator.random(len(free)) < 0.5
        for kept in (half, ~half):
            yield from _choice(claim, ids, free[~kept])
    for one in generator.permutation(len(free))[:2]:
        yield from _choice(claim, ids, free[[one]])
        yield from _choice(claim, ids, np.delete(free, one))


def _choice(claim: Claim, axes: list[np.ndarray], gone: np.ndarray) -> Iterator[_Choice]:
    alive = np.ones(len(claim.ids), dtype=bool)
    alive[gone] = False
    choice = _Choice(claim.ids, alive)
    outputs = [value.ids for output in claim.outputs for value in output.values()]
    if len(gone) and all(len(choice.keep(one)) for one in (*axes, *outputs)):
        yield choice


def _holds(
    claim: Claim,
    bench: Bench,
    choice: _Choice,
    kind: str,
    generator: np.random.Generator,
    zeros: list[dict[int, _Zero]],
    *,
    first: bool,
) -> bool:
    whole = bench.sample(kind, generator)
    small = {}
    for flow in bench.flows:
        value = whole[id(flow)]
        for axis, along in flow.axes.items():
            value = _clear(value, axis, along, choice)
        whole[id(flow)] = value
        for axis, along in flow.axes.items():
            value = np.take(value, choice.keep(along.ids), axis=axis)
        small[id(flow)] = value
    cut = bench.cut(claim.edits, choice)
    expected, got = bench.run(whole), cut.run(small)
    if first and not _inferred(cut.shapes(small), got):
        return False
    for output, zero, e, g in zip(claim.outputs, zeros, expected, got, strict=True):
        stays = e
        for axis, along in output.items():
            kept = choice.keep(along.ids)
            gone = np.setdiff1d(np.arange(len(along)), kept)
            places = np.moveaxis(e, axis, 0)[gone]
            zero[axis].seen[gone] = True
            zero[axis].zero[gone] &= ~places.any(axis=tuple(range(1, places.ndim)))
            if kind == "positive" and e.dtype.kind == "f" and not np.isfinite(places).all():
                return False  # 0 / 0 times a weight of 0 is no 0.
            stays = np.take(stays, kept, axis=axis)
        if not _equal(stays, g):
            return False
    return True


def _clear(value: np.ndarray, axis: int, along: Axis, choice: _Choice) -> np.ndarray:
    """Set removed channels to 0 where the masked model has them at 0."""
    gone = ~choice.alive[choice.ids.find(along.ids)] & along.zero
    view = [1] * value.ndim
    view[axis] = len(gone)
    return np.where(gone.reshape(view), np.zeros((), value.dtype), value)


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind not in "fc":
        return bool(np.array_equal(a, b))
    wide = 1e-5 if a.dtype.itemsize < 8 else _TOLERANCE
    return bool(np.allclose(a, b, rtol=wide, atol=wide, equal_nan=True))


def _inferred(shapes: list[tuple[int | None, ...]], got: list[np.ndarray]) -> bool:
    """Whether the shapes that Keras infers are the real ones, free dimensions aside."""
    return all(
        len(shape) == g.ndim and all(i in (None, r) for i, r in zip(shape, g.shape, strict=True))
        for shape, g in zip(shapes, got, strict=True)
    )
