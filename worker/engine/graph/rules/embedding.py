"""Embeddings: rows are words and stay, columns are channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from worker.engine.graph.flow import Axes, Axis, Call
from worker.engine.graph.ids import FIXED
from worker.engine.graph.rules.dense import count
from worker.engine.graph.tracer import Tracer


def embedding(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """embeddings (words, channels); the indices themselves cannot shrink."""
    x = call.first
    out = tracer.record.produce(layer.embeddings, 1)
    tracer.record.edit(layer, count("output_dim", out))
    axes = {a: value.with_zero(False) for a, value in x.axes.items()}
    axes[x.rank] = Axis.of(out, True)
    return [axes]


def reversible(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """Forwards an embedding; with `reverse` the transposed (or another) matrix maps back."""
    out = tracer.record.produce(layer.embeddings, 1)
    tracer.record.edit(layer, count("output_dim", out))
    if not layer.tie_weights:
        tracer.follows(layer, layer.reverse_embeddings, 0, out, "in")
    if not call.argument(1, "reverse", False):
        return embedding(tracer, layer, call)
    x = call.first
    value = tracer.along(x, -1, len(out))
    tracer.ids.unify(out, value.ids, tracer.tied(layer))
    axes = {a: other.with_zero(False) for a, other in x.without(-1).items()}
    axes[x.rank - 1] = Axis.of(np.full(int(layer.input_dim), FIXED, dtype=np.int64), False)
    return [axes]
