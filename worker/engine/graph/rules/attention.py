"""Attention: heads, key and value dimensions, and what the output projection gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from worker.engine.graph import biases
from worker.engine.graph.flow import Axes, Axis, Call, Flow
from worker.engine.graph.record import Cut
from worker.engine.graph.tracer import Tracer


def multi_head(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """Kernels (in, heads, dim), (heads, value_dim, out...); the query is scaled by sqrt(K'/K)."""
    query, value, key = _attended(call)
    _freeze_places(tracer, layer, (query, value, key))
    record = tracer.record
    heads = record.produce(layer._query_dense.kernel, 1, label="heads")
    keys = record.produce(layer._query_dense.kernel, 2, label="key_dim")
    values = record.produce(layer._value_dense.kernel, 2, label="value_dim")
    _project(tracer, layer, layer._query_dense, query, heads, keys)
    _project(tracer, layer, layer._key_dense, key, heads, keys)
    _project(tracer, layer, layer._value_dense, value, heads, values)
    if layer._use_gate:
        _project(tracer, layer, layer._gate_dense, query, heads, values)
    out = layer._output_dense
    tracer.follows(layer, out.kernel, 0, heads, "in")
    tracer.follows(layer, out.kernel, 1, values, "in")
    made = [record.produce(out.kernel, axis) for axis in range(2, len(out.kernel.shape))]
    if out.bias is not None:
        for axis, ids in enumerate(made):
            tracer.follows(layer, out.bias, axis, ids)
        first = call.outputs[0].rank - len(made)
        along = {first + axis: ids for axis, ids in enumerate(made)}
        biases.guard(tracer, layer, call.outputs[0], {}, along)
    _scale_query(tracer, layer, keys)
    _freeze_masked_heads(tracer, layer, call, heads)
    width = query.at(-1)

    def edit(config: dict[str, Any], cut: Cut) -> None:
        config["num_heads"] = len(cut.keep(heads))
        config["key_dim"] = len(cut.keep(keys))
        config["value_dim"] = len(cut.keep(values))
        sizes = tuple(len(cut.keep(ids)) for ids in made)
        given = query.shape[-1] if width is None else len(cut.keep(width.ids))
        if config["output_shape"] or sizes != (given,):
            config["output_shape"] = sizes

    record.edit(layer, edit)
    rank = call.outputs[0].rank
    axes = {rank - len(made) + n: Axis.of(ids, True) for n, ids in enumerate(made)}
    return [axes, *_scores(call, heads, layer)]


def grouped_query(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """A key-value head goes with its queries; the output has the width of the query."""
    query, value, key = _attended(call)
    _freeze_places(tracer, layer, (query, value, key))
    record = tracer.record
    few = record.produce(layer._key_dense.kernel, 1, label="heads")
    dims = record.produce(layer._key_dense.kernel, 2, label="head_dim")
    many = np.repeat(few, layer.num_repeats)
    _project(tracer, layer, layer._query_dense, query, many, dims)
    _project(tracer, layer, layer._key_dense, key, few, dims)
    _project(tracer, layer, layer._value_dense, value, few, dims)
    if layer.use_gate:
        _project(tracer, layer, layer._gate_dense, query, many, dims)
    out = layer._output_dense
    tracer.follows(layer, out.kernel, 0, many, "in")
    tracer.follows(layer, out.kernel, 1, dims, "in")
    width = tracer.along(query, -1, int(out.kernel.shape[2]))
    tracer.reads(layer, out.kernel, 2, width, "out")
    if out.bias is not None:
        tracer.reads(layer, out.bias, 0, width, "bias")
    _scale_query(tracer, layer, dims)
    _freeze_masked_heads(tracer, layer, call, many)

    def edit(config: dict[str, Any], cut: Cut) -> None:
        config["num_key_value_heads"] = len(cut.keep(few))
        config["num_query_heads"] = len(cut.keep(many))
        config["head_dim"] = len(cut.keep(dims))

    record.edit(layer, edit)
    axes = {} if query.at(-1) is None else {query.rank - 1: Axis.of(width.ids, True)}
    return [axes, *_scores(call, many, layer)]


def dot_product(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """Attention: query and key meet in a product, so a removed channel must be 0 in one of them.

    One that is the same in all keys adds as much to all scores of a query, which softmax ignores.
    """
    query, value, key = _listed(call)
    _freeze_places(tracer, layer, (query, value, key))
    one, other = _met(tracer, layer, query, key)
    _mixed(tracer, layer, one, other.steady | (one.zero & (layer.score_mode == "dot")))
    return [_last(value, call.outputs[0]), *({} for _ in call.outputs[1:])]


def additive(tracer: Tracer, layer: Any, call: Call) -> list[Axes]:
    """AdditiveAttention: sum of scale * tanh(query + key)."""
    query, value, key = _listed(call)
    _freeze_places(tracer, layer, (query, value, key))
    one, other = _met(tracer, layer, query, key)
    if layer.scale is not None:
        tracer.reads(layer, layer.scale, 0, one, "channel")
    else:
        _mixed(tracer, layer, one, other.steady)
    return [_last(value, call.outputs[0]), *({} for _ in call.outputs[1:])]


def _attended(call: Call) -> tuple[Flow, Flow, Flow]:
    value = call.argument(1, "value")
    key = call.argument(2, "key")
    return call.argument(0, "query"), value, value if key is None else key


def _listed(call: Call) -> tuple[Flow, Flow, Flow]:
    given = call.argument(0, "inputs")
    return given[0], given[1], given[2] if len(given) > 2 else given[1]


def _met(tracer: Tracer, layer: Any, query: Flow, key: Flow) -> tuple[Axis, Axis]:
    size = query.shape[-1] or key.shape[-1] or 0
    one, other = tracer.along(query, -1, size), tracer.along(key, -1, size)
    tracer.ids.unify(one.ids, other.ids, tracer.tied(layer))
    return one, other


def _mixed(tracer: Tracer, layer: Any, value: Axis, harmless: np.ndarray) -> None:
    if harmless.all():
        tracer.ids.need_zero(value.ids)
    else:
        text = f"{tracer.path(layer)} adds these channels up, where a removed one would matter."
        tracer.ids.freeze(value.ids, tracer.why(layer, text))


def _last(value: Flow, output: Flow) -> Axes:
    known = value.at(-1)
    return {} if known is None else {output.rank - 1: known}


def _project(
    tracer: Tracer, layer: Any, dense: Any, x: Flow, heads: np.ndarray, dims: np.ndarray
) -> None:
    """An inner EinsumDense: kernel (in, heads, dim), bias (heads, dim)."""
    tracer.adopt(dense, layer)
    tracer.reads(layer, dense.kernel, 0, tracer.along(x, -1, int(dense.kernel.shape[0])))
    tracer.follows(layer, dense.kernel, 1, heads, "out")
    tracer.follows(layer, dense.kernel, 2, dims, "out")
    if dense.bias is not None:
        tracer.follows(layer, dense.bias, 0, heads)
        tracer.follows(layer, dense.bias, 1, dims)
        projected = Flow((*x.shape[:-1], len(heads), len(dims)))
        biases.guard(tracer, layer, projected, {}, {x.rank - 1: heads, x.rank: dims})


def _scale_query(tracer: Tracer, layer: Any, dims: np.ndarray) -> None:
    """Scores are divided by sqrt(dim): a smaller dim is made up for in the query."""
    tracer.ids.need_zero(dims)
    tracer.record.rescale(layer._query_dense.kernel, dims, 0.5)
    if layer._query_dense.bias is not None:
        tracer.record.rescale(layer._query_dense.bias, dims, 0.5)


def _freeze_places(tracer: Tracer, layer: Any, flows: tuple[Flow, ...]) -> None:
    for flow in flows:
        for axis in flow.without(-1):
            text = f"{tracer.path(layer)} attends along it."
            tracer.freeze(flow, tracer.why(layer, text), axis)


def _freeze_masked_heads(tracer: Tracer, layer: Any, call: Call, heads: np.ndarray) -> None:
    """A mask may hold something for each head."""
    mask = call.kwargs.get("attention_mask")
    shape = getattr(mask, "shape", ())
    if len(shape) > 3 and any(size not in (1, None) for size in shape[1:-2]):
        text = f"{tracer.path(layer)} is given a mask for each head."
        tracer.ids.freeze(heads, tracer.why(layer, text))


def _scores(call: Call, heads: np.ndarray, _layer: Any) -> list[Axes]:
    """(batch, heads, targets, sources): a removed head's scores are not 0."""
    return [{1: Axis.of(heads, False)} for _ in call.outputs[1:]]
