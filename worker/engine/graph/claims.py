"""Claims about an operation: which ids lie along which axes of what it gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from worker.engine.graph import layout
from worker.engine.graph.bench import FAILURES, Bench
from worker.engine.graph.dependence import Dependence, OutputDependence, dependence
from worker.engine.graph.editors import editors
from worker.engine.graph.edits import Edits
from worker.engine.graph.flow import Axis, Call
from worker.engine.graph.ids import FIXED, Ids, Reason
from worker.engine.graph.tracer import Tracer

STRATEGIES = ("fill", "vanish", "stay", "unify")
_LOCAL = Reason("", "")


@dataclass
class Claim:
    """Output axes, and what must be unified or frozen for them to hold.

    ids: a trial copy in which `pairs` and `frozen` are already applied.
    mixed: ids whose values are added up (or the like), so that they must be 0 when removed.
    """

    ids: Ids
    outputs: list[dict[int, Axis]]
    edits: Edits
    pairs: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    frozen: list[np.ndarray] = field(default_factory=list)
    mixed: list[np.ndarray] = field(default_factory=list)

    def commit(self, tracer: Tracer, operation: Any, call: Call) -> None:
        """Apply a claim that was found true."""
        reason = tracer.why(operation, f"{tracer.path(operation)} mixes these channels.")
        for first, second in self.pairs:
            tracer.ids.unify(first, second, tracer.tied(operation))
        for ids in self.frozen:
            tracer.ids.freeze(ids, reason)
        for ids in self.mixed:
            tracer.ids.need_zero(ids)
        for number, ids in enumerate(self.edits.follows):
            tracer.record.port(operation, f"size {number}", ids, tracer.tied(operation))
        if self.edits.config is not None:
            tracer.record.edit(operation, self.edits.config)
        if self.edits.arguments is not None and call.node is not None:
            tracer.record.argument_edits[id(call.node)] = self.edits.arguments


def claims(
    ids: Ids, operation: Any, bench: Bench, *, leave_out: tuple[int, int] | None
) -> Iterator[Claim]:
    """Claims in order of what they leave free: channels summed away, in their place, as one."""
    chosen: list[tuple[int, int, Axis]] = []
    frozen: list[np.ndarray] = []
    for number, flow in enumerate(bench.flows):
        for axis, value in flow.axes.items():
            if (number, axis) == leave_out:
                frozen.append(value.ids)
            else:
                chosen.append((number, axis, value))
    found: list[tuple[int, Axis, Dependence]] = []
    try:
        for number, axis, value in chosen:
            found.append((axis, value, dependence(ids, bench, number, axis, value)))
    except FAILURES:
        return
    for strategy in _strategies([d for _, _, d in found]):
        claim = _claim(ids, found, frozen, strategy)
        if claim is not None:
            claim.edits = editors(operation, bench.call, claim.outputs)
            for pair in claim.edits.ties:
                _unify(claim, *pair)
            yield claim


def _strategies(found: list[Dependence]) -> tuple[str, ...]:
    """fill: a constant place belongs to the channel that stands there in the input."""
    outputs = [output for one in found for output in one.outputs]
    unclear = STRATEGIES[1:] if any(output.unclear for output in outputs) else STRATEGIES[3:]
    gaps = any((output.where == layout.ANY).any() for output in outputs)
    return ("fill", *unclear) if gaps else unclear


def _claim(
    ids: Ids,
    found: list[tuple[int, Axis, Dependence]],
    frozen: list[np.ndarray],
    strategy: str,
) -> Claim | None:
    trial = ids.copy()
    for one in frozen:
        trial.freeze(one, _LOCAL)
    count = len(found[0][2].outputs) if found else 0
    claim = Claim(trial, [{} for _ in range(count)], Edits(), frozen=list(frozen))
    drafts: list[dict[int, list[Axis]]] = [{} for _ in range(count)]
    vanishing: list[Axis] = []
    for axis, value, dependent in found:
        for number, output in enumerate(dependent.outputs):
            if output.unclear and strategy == "vanish":
                vanishing.append(value)
                continue
            placed = (
                output.in_place(axis, value)
                if output.unclear and strategy == "stay"
                else _settled(claim, axis, value, output, fill=strategy == "fill")
            )
            if placed is None and strategy == "stay":
                return None
            if output.several:
                claim.mixed.append(value.ids)
            if placed is None:
                continue
            at, along = placed
            drafts[number].setdefault(at, []).append(along)
    if not _pair_up(claim, vanishing):
        return None
    for number, draft in enumerate(drafts):
        for at, candidates in draft.items():
            joined = _join(claim, candidates)
            if joined is None:
                return None
            claim.outputs[number][at] = joined
    return claim


def _settled(
    claim: Claim, axis: int, value: Axis, output: OutputDependence, *, fill: bool
) -> tuple[int, Axis] | None:
    """Unify what one place depends on, then find the axis that the classes lie along."""
    for members in output.together:
        anchor = np.full(len(members) - 1, value.ids[members[0]])
        _unify(claim, value.ids[members[1:]], anchor)
    settled = layout.settle(_Recorder(claim), value, output.where, _LOCAL)
    if settled is None:
        return None
    at, along, first = settled
    gap = value.ids if fill and at + 1 == axis and len(first) == len(value) else layout.ANY
    ids = np.where(first == layout.ANY, gap, along.ids)
    return at + 1, Axis(ids, along.zero)


class _Recorder:
    """The trial ids of a claim; what is done to them is written down in the claim as well."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim

    def find(self, ids: np.ndarray) -> np.ndarray:
        return self._claim.ids.find(ids)

    def unify(self, first: np.ndarray, second: np.ndarray, _reason: Reason) -> None:
        _unify(self._claim, first, second)

    def freeze(self, ids: np.ndarray, reason: Reason) -> None:
        self._claim.ids.freeze(ids, reason)
        self._claim.frozen.append(ids)


def _unify(claim: Claim, first: np.ndarray, second: np.ndarray) -> None:
    claim.ids.unify(first, second, _LOCAL)
    claim.pairs.append((first, second))


def _pair_up(claim: Claim, vanishing: list[Axis]) -> bool:
    """Axes that vanish together (a dot product) are one axis."""
    for other in vanishing[1:]:
        if len(other) != len(vanishing[0]):
            return False
        _unify(claim, vanishing[0].ids, other.ids)
    claim.mixed.extend(value.ids for value in vanishing)
    return True


def _join(claim: Claim, candidates: list[Axis]) -> Axis | None:
    """Several inputs lie along one output axis: where two do, they go together."""
    result = candidates[0].ids.copy()
    for other in candidates[1:]:
        if len(other.ids) != len(result):
            return None
        both = (result != layout.ANY) & (other.ids != layout.ANY)
        if both.any():
            _unify(claim, result[both], other.ids[both])
        result = np.where(result == layout.ANY, other.ids, result)
    return Axis.of(np.where(result == layout.ANY, FIXED, result), True)
