"""Along which axis Keras adds a bias, which a cut must not change.

`ops.add` tells by sizes alone: a bias of one axis longer than 1 is added along the last axis of the
output or along axis 1, whichever is as long, and where it belongs only if neither is. So no cut may
bring a bias of another axis to such a size, nor change one that has it already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from worker.engine.graph.flow import Axes, Axis, Flow
from worker.engine.graph.ids import FIXED
from worker.engine.graph.tracer import Tracer


def guard(
    tracer: Tracer, layer: Any, out: Flow, axes: Axes, bias: Mapping[int, np.ndarray]
) -> None:
    """Keep a layer's bias along its own axes.

    Args:
        axes: what is known of the axes of `out`.
        bias: by axis of `out`, the ids along the bias, also those that cannot go.
    """
    first, last = 1, out.rank - 1
    bias = {at: ids for at, ids in bias.items() if len(ids) > 1}
    if len(bias) == 1:
        ((at, ids),) = bias.items()
        for other in {first, last} - {at} if at != last else ():
            _apart(tracer, layer, ids, out.shape[other], axes.get(other))
        return
    places, inner = out.shape[first], [len(ids) for at, ids in bias.items() if at != last]
    long = first not in bias and places is not None and places > max(inner, default=0)
    if not long and set(bias) != {first, last}:
        # Where but one axis were longer than 1, it could be taken for axis 1.
        for at, ids in bias.items():
            if at == last or len(bias) > 2:
                tracer.record.least.append((ids, 2))


def added(tracer: Tracer, layer: Any, x: Flow, other: Any) -> None:
    """The same where a tensor or an array is added to `x`: for one example, it may look a bias."""
    shape = getattr(other, "shape", ())
    shift = x.rank - len(shape)
    long = [axis for axis, size in enumerate(shape) if axis + shift and size != 1]
    if len(long) != 1 or shape[long[0]] is None:
        return
    at = long[0] + shift
    known = other.axes.get(long[0]) if isinstance(other, Flow) else x.axes.get(at)
    guard(tracer, layer, x, x.axes, {at: known.ids if known else np.full(shape[long[0]], FIXED)})


def _apart(
    tracer: Tracer, layer: Any, ids: np.ndarray, size: int | None, other: Axis | None
) -> None:
    """Let a bias never be as long as another axis; an axis of any length is met by chance alone."""
    if size is None:
        return
    if len(ids) == size:
        text = f"{tracer.path(layer)} has as many units as another axis has places, "
        why = tracer.why(layer, text + "along which Keras then adds its bias.")
        tracer.ids.freeze(ids, why)
        if other is not None:
            tracer.ids.freeze(other.ids, why)
    elif len(ids) > size:
        tracer.record.least.append((ids, size + 1))
    elif other is not None:
        tracer.record.least.append((other.ids, len(ids) + 1))
