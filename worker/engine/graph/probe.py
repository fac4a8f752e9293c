"""Operations without weights, learned by trying.

The channels of each input axis are perturbed, coded by the bits of their class numbers, to read
which class each output place depends on. What follows is a claim about ids along output axes; it
holds only if the smaller operation gives exactly what the whole one gives on the places that stay,
for several choices and kinds of values, and if Keras infers the same shapes. Else all is frozen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from worker.engine.graph.bench import FAILURES, Bench, NotRunnableError
from worker.engine.graph.claims import Claim, claims
from worker.engine.graph.flow import Axes, Call, Flow
from worker.engine.graph.ids import Ids
from worker.engine.graph.tracer import Tracer
from worker.engine.graph.verify import verify

# Built-in, but they run a function of the user's.
_FOREIGN = frozenset(
    {
        "Lambda", "TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper", "Map", "Scan",
        "AssociativeScan", "Switch", "WhileLoop", "ForiLoop", "Cond", "VectorizedMap",
    }
)  # fmt: skip


def probe(tracer: Tracer, operation: Any, call: Call) -> list[Axes]:
    """The output axes of an operation without weights; all inputs frozen where unclear."""
    call = _without_frozen(tracer, call)
    if not any(flow.axes for flow in call.flows):
        return [{} for _ in call.outputs]
    claim = _learn(tracer, operation, call) if _known(operation) else None
    if claim is None:
        text = f"{tracer.path(operation)} ({type(operation).__name__}) mixes these channels."
        for flow in call.flows:
            tracer.freeze(flow, tracer.why(operation, text))
        return [{} for _ in call.outputs]
    claim.commit(tracer, operation, call)
    return list(claim.outputs)


def _known(operation: Any) -> bool:
    kind = type(operation)
    return kind.__module__.startswith("keras.") and kind.__name__ not in _FOREIGN


def _without_frozen(tracer: Tracer, call: Call) -> Call:
    """Axes that are frozen whole need no trying."""
    new: dict[int, Flow] = {}

    def strip(leaf: Any) -> Any:
        if not isinstance(leaf, Flow):
            return leaf
        if id(leaf) not in new:
            axes = {a: v for a, v in leaf.axes.items() if not tracer.ids.is_frozen(v.ids).all()}
            new[id(leaf)] = Flow(leaf.shape, leaf.dtype, axes)
        return new[id(leaf)]

    args, kwargs = keras.tree.map_structure(strip, (call.args, dict(call.kwargs)))
    return Call(tuple(args), dict(kwargs), call.outputs, call.node)


def _learn(tracer: Tracer, operation: Any, call: Call) -> Claim | None:
    try:
        bench = Bench.of(operation, call)
        for claim in _candidates(tracer.ids, operation, bench):
            if (verified := verify(claim, bench)) is not None:
                return verified
    except (NotRunnableError, *FAILURES):
        return None
    return None


def _candidates(ids: Ids, operation: Any, bench: Bench) -> Iterator[Claim]:
    """Claims about all axes; then, where several shrink, about all but one of them."""
    axes = [(number, axis) for number, flow in enumerate(bench.flows) for axis in flow.axes]
    yield from claims(ids, operation, bench, leave_out=None)
    if len(axes) > 1:
        for one in axes:
            yield from claims(ids, operation, bench, leave_out=one)
