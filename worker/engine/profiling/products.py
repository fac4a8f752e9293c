"""Multiply-adds of one call of one built-in layer or operation, from shapes alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import keras
from keras import layers

from worker.engine import masks


class FreeDimensionError(Exception):
    """The count depends on a dimension that the model leaves open."""


def known(size: int | None) -> int:
    """The size, or FreeDimensionError."""
    if size is None:
        raise FreeDimensionError
    return size


def of(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> int:
    """Multiply-adds of `operation(*args, **kwargs)`, all of them tensors with a shape.

    Raises FreeDimensionError where a free dimension decides, and for a kernel of a class that has
    no rule here: a guess would be worse than no figure.
    """
    for kind in type(operation).__mro__:
        if kind in _RULES:
            return _RULES[kind](operation, args, kwargs, outputs)
    name = type(operation).__name__
    if not isinstance(operation, keras.Layer):
        return _OPERATIONS[name](operation, args, outputs) if name in _OPERATIONS else 0
    if any(v.name in masks.PRUNABLE_NAMES for v in operation.weights):
        raise FreeDimensionError
    return 0


def _size(shape: Iterable[int | None]) -> int:
    return math.prod(known(size) for size in shape)


def _weights(variable: Any) -> int:
    return math.prod(variable.shape)


def _shape(tensor: Any) -> tuple[int | None, ...]:
    return tuple(tensor.shape)


def _positions(layer: Any, tensor: Any) -> int:
    """Batch times the places of a convolution's map, channels left out."""
    shape = _shape(tensor)
    places = shape[2:] if layer.data_format == "channels_first" else shape[1:-1]
    return _size((shape[0], *places))


def _dense(layer: Any, args: Any, _kwargs: Any, _outputs: Any) -> int:
    return _size(_shape(args[0])[:-1]) * _weights(layer.kernel)


def _einsum_dense(layer: Any, args: Any, _kwargs: Any, _outputs: Any) -> int:
    return _einsum(layer.equation, [_shape(args[0]), tuple(layer.kernel.shape)])


def _convolution(layer: Any, _args: Any, _kwargs: Any, outputs: Any) -> int:
    return _positions(layer, outputs) * _weights(layer.kernel)


def _transposed(layer: Any, args: Any, _kwargs: Any, _outputs: Any) -> int:
    return _positions(layer, args[0]) * _weights(layer.kernel)


def _separable(layer: Any, _args: Any, _kwargs: Any, outputs: Any) -> int:
    both = _weights(layer.depthwise_kernel) + _weights(layer.pointwise_kernel)
    return _positions(layer, outputs) * both


def _recurrent(layer: Any, args: Any, _kwargs: Any, _outputs: Any) -> int:
    batch, steps = _shape(args[0])[:2]
    return _size((batch, steps)) * sum(_weights(v) for v in _kernels(layer))


def _conv_recurrent(layer: Any, args: Any, _kwargs: Any, outputs: Any) -> int:
    """Every step convolves the input and the state into as many places."""
    state = keras.tree.flatten(outputs)[0]
    shape = _shape(state)
    per_step = (shape[0], *shape[2:]) if layer.return_sequences else shape
    first = layer.data_format == "channels_first"
    places = _size((per_step[0], *(per_step[2:] if first else per_step[1:-1])))
    steps = known(_shape(args[0])[1])
    return steps * places * sum(_weights(v) for v in _kernels(layer))


def _kernels(layer: Any) -> list[Any]:
    return [v for v in layer.weights if v.name in masks.PRUNABLE_NAMES]


def _multi_head(layer: Any, args: Any, kwargs: Any, _outputs: Any) -> int:
    query, value, key = _attended(args, kwargs)
    axes = set(layer._attention_axes)
    places, attended = _shape(query)[:-1], _shape(value)[:-1]
    others = _size(size for axis, size in enumerate(places) if axis not in axes)
    asking = _size(size for axis, size in enumerate(places) if axis in axes)
    read = _size(size for axis, size in enumerate(attended) if axis in axes)
    per_pair = layer._num_heads * (layer._key_dim + layer._value_dim)
    return _projected(layer, query, value, key) + others * asking * read * per_pair


def _grouped_query(layer: Any, args: Any, kwargs: Any, _outputs: Any) -> int:
    query, value, key = _attended(args, kwargs)
    batch, asking, _ = _shape(query)
    pairs = _size((batch, asking, _shape(value)[1]))
    gate = _size(_shape(query)[:-1]) * _weights(layer._gate_dense.kernel) if layer.use_gate else 0
    per_pair = 2 * layer.num_query_heads * layer.head_dim
    return _projected(layer, query, value, key) + gate + pairs * per_pair


def _attended(args: Any, kwargs: Any) -> tuple[Any, Any, Any]:
    given = dict(zip(("query", "value", "key"), args, strict=False)) | kwargs
    key = given.get("key")
    return given["query"], given["value"], given["value"] if key is None else key


def _projected(layer: Any, query: Any, value: Any, key: Any) -> int:
    return (
        _size(_shape(query)[:-1])
        * (_weights(layer._query_dense.kernel) + _weights(layer._output_dense.kernel))
        + _size(_shape(key)[:-1]) * _weights(layer._key_dense.kernel)
        + _size(_shape(value)[:-1]) * _weights(layer._value_dense.kernel)
    )


def _dot_product_attention(_layer: Any, args: Any, _kwargs: Any, _outputs: Any) -> int:
    query, value = args[0][0], args[0][1]
    batch, asking, width = _shape(query)
    return _size((batch, asking, _shape(value)[1])) * (known(width) + known(_shape(value)[2]))


def _dot_layer(layer: Any, args: Any, _kwargs: Any, outputs: Any) -> int:
    first = _shape(args[0][0])
    axes = layer.axes if isinstance(layer.axes, int) else layer.axes[0]
    return _size(_shape(outputs)) * known(first[axes])


def _reversible(layer: Any, args: Any, kwargs: Any, _outputs: Any) -> int:
    reverse = kwargs.get("reverse", args[1] if len(args) > 1 else False)
    return _size(_shape(args[0])[:-1]) * _weights(layer.embeddings) if reverse else 0


def _looked_up(_layer: Any, _args: Any, _kwargs: Any, _outputs: Any) -> int:
    return 0


def _einsum(equation: str, shapes: list[tuple[int | None, ...]]) -> int:
    """Product of the sizes of every label; an ellipsis is as many axes as are left over."""
    sizes: dict[str, int] = {}
    for labels, shape in zip(
        equation.replace(" ", "").split("->")[0].split(","), shapes, strict=True
    ):
        before, dots, after = labels.partition("...")
        free = len(shape) - len(before) - len(after)
        # Aligned from the right, as broadcasting does.
        names = [*before, *(f".{k}" for k in range(free, 0, -1)), *after] if dots else list(labels)
        for name, size in zip(names, shape, strict=True):
            sizes[name] = max(sizes.get(name, 1), known(size))
    return math.prod(sizes.values())


def _matmul(_operation: Any, args: Any, outputs: Any) -> int:
    return _size(_shape(outputs)) * known(_shape(args[0])[-1])


def _einsum_operation(operation: Any, args: Any, _outputs: Any) -> int:
    return _einsum(operation.subscripts, [_shape(tensor) for tensor in args])


_Rule = Callable[[Any, Any, Any, Any], int]
_RULES: dict[type, _Rule] = {
    layers.Dense: _dense,
    layers.EinsumDense: _einsum_dense,
    layers.Embedding: _looked_up,
    layers.ReversibleEmbedding: _reversible,
    layers.Conv1D: _convolution,
    layers.Conv2D: _convolution,
    layers.Conv3D: _convolution,
    layers.DepthwiseConv1D: _convolution,
    layers.DepthwiseConv2D: _convolution,
    layers.Conv1DTranspose: _transposed,
    layers.Conv2DTranspose: _transposed,
    layers.Conv3DTranspose: _transposed,
    layers.SeparableConv1D: _separable,
    layers.SeparableConv2D: _separable,
    layers.RNN: _recurrent,
    layers.ConvLSTM1D: _conv_recurrent,
    layers.ConvLSTM2D: _conv_recurrent,
    layers.ConvLSTM3D: _conv_recurrent,
    layers.MultiHeadAttention: _multi_head,
    layers.GroupQueryAttention: _grouped_query,
    layers.Attention: _dot_product_attention,
    layers.AdditiveAttention: _dot_product_attention,
    layers.Dot: _dot_layer,
}
_OPERATIONS: dict[str, Callable[[Any, Any, Any], int]] = {
    "Matmul": _matmul,
    "Einsum": _einsum_operation,
}
