"""Random Keras graphs, drawn by Hypothesis: layers laid together.

A graph is a pool of tensors. Each step takes one or two of them and adds what comes out, so that
branches, joins, shared layers and nested models arise by themselves; what is left open at the end
is joined into the outputs. A step that does not fit its tensors is replaced by one that does, so
that every example is a network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
from hypothesis import strategies as st
from keras import layers, ops

Draw = Callable[[Any], Any]
WIDTHS = (4, 6, 8)
ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh", "swish", "softplus")


@dataclass
class Pool:
    """The tensors so far, and layers that may be called again."""

    tensors: list[Any]
    shared: list[Any] = field(default_factory=list)

    def take(self, draw: Draw) -> Any:
        """A tensor, recent ones more often."""
        last = len(self.tensors) - 1
        return self.tensors[max(0, last - draw(st.integers(0, min(last, 3))))]

    def like(self, draw: Draw, tensor: Any) -> Any | None:
        """Another tensor of the same shape, if there is one."""
        same = [
            t for t in self.tensors if t is not tensor and tuple(t.shape) == tuple(tensor.shape)
        ]
        return draw(st.sampled_from(same)) if same else None


def activation(draw: Draw) -> str:
    return draw(st.sampled_from(ACTIVATIONS))


def width(draw: Draw) -> int:
    return draw(st.sampled_from(WIDTHS))


def mapped(draw: Draw, pool: Pool, x: Any) -> Any:
    """A layer with weights that makes new channels."""
    rank = len(x.shape)
    if pool.shared and draw(st.integers(0, 4)) == 0:
        for layer in pool.shared:
            if _fits(layer, x):
                return layer(x)
    layer = _mapping(draw, rank)
    pool.shared.append(layer)
    return layer(x)


def _fits(layer: Any, x: Any) -> bool:
    try:
        layer.compute_output_shape(x.shape)
    except (ValueError, TypeError, IndexError):
        return False
    kernel = next(iter(layer.weights), None)
    spec = layer.input_spec
    axes = getattr(spec, "axes", None) or {}
    fits = all(x.shape[int(axis)] == size for axis, size in axes.items())
    return kernel is not None and bool(axes) and fits and getattr(spec, "min_ndim", 0) in (None, 2)


def _mapping(draw: Draw, rank: int) -> Any:
    kind = {"activation": activation(draw), "use_bias": draw(st.booleans())}
    if rank == 2 or draw(st.integers(0, 3)) == 0:
        return layers.Dense(width(draw), **kind)
    padding = draw(st.sampled_from(("same", "valid")))
    size = 1 if padding == "valid" else draw(st.sampled_from((1, 2, 3)))
    if rank == 3:
        choice = draw(st.sampled_from(("conv", "causal", "separable", "lstm", "gru", "attention")))
        if choice == "causal":
            return layers.Conv1D(width(draw), 2, padding="causal", **kind)
        if choice == "separable":
            return layers.SeparableConv1D(width(draw), size, padding=padding, **kind)
        if choice == "lstm":
            return layers.LSTM(width(draw), return_sequences=True)
        if choice == "gru":
            return layers.Bidirectional(layers.GRU(width(draw) // 2, return_sequences=True))
        if choice == "attention":
            heads, dims = (draw(st.sampled_from((2, 4))) for _ in range(2))
            return _SelfAttention(
                layers.MultiHeadAttention(heads, dims, use_bias=draw(st.booleans()))
            )
        return layers.Conv1D(width(draw), size, padding=padding, **kind)
    choice = draw(st.sampled_from(("conv", "separable", "transposed", "conv")))
    if choice == "separable":
        return layers.SeparableConv2D(width(draw), size, padding=padding, **kind)
    if choice == "transposed":
        return layers.Conv2DTranspose(width(draw), size, padding=padding, **kind)
    return layers.Conv2D(width(draw), size, padding=padding, **kind)


class _SelfAttention:
    """Calls attention on one tensor; no layer itself."""

    input_spec = None
    weights = ()

    def __init__(self, heads: Any) -> None:
        self._heads = heads

    def __call__(self, x: Any) -> Any:
        return self._heads(x, x)

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


def passed(draw: Draw, _pool: Pool, x: Any) -> Any:
    """A layer that keeps the channels: norms, activations, pooling over nothing, depthwise."""
    rank = len(x.shape)
    choices: list[Callable[[], Any]] = [
        lambda: layers.BatchNormalization(scale=draw(st.booleans()), center=draw(st.booleans())),
        lambda: layers.Activation(activation(draw)),
        lambda: layers.LeakyReLU(),
        lambda: layers.Dropout(0.5),
        lambda: layers.PReLU(shared_axes=list(range(1, rank - 1)) or None),
        lambda: layers.RMSNormalization(),
        lambda: layers.LayerNormalization(),
        lambda: layers.UnitNormalization(),
        lambda: layers.Rescaling(0.5, offset=draw(st.sampled_from((0.0, 0.25)))),
    ]
    if rank == 3:
        choices += [lambda: layers.MaxPooling1D(2, strides=1, padding="same")]
        choices += [lambda: layers.DepthwiseConv1D(2, padding="same")]
    if rank == 4:
        choices += [lambda: layers.AveragePooling2D(2, strides=1, padding="same")]
        choices += [lambda: layers.DepthwiseConv2D(3, padding="same")] * 2
        choices += [lambda: layers.SpatialDropout2D(0.5)]
        if x.shape[-1] % 2 == 0:
            choices += [lambda: layers.GroupNormalization(2)]
            choices += [lambda: layers.Conv2D(x.shape[-1], 1, groups=2)]
    return draw(st.sampled_from(choices))()(x)


def joined(draw: Draw, pool: Pool, x: Any) -> Any:
    """Two tensors become one."""
    merges = (layers.Add, layers.Subtract, layers.Multiply, layers.Maximum, layers.Average)
    other = pool.like(draw, x)
    if other is None or draw(st.integers(0, 2)) == 0:
        beside = [t for t in pool.tensors if tuple(t.shape[:-1]) == tuple(x.shape[:-1])]
        return layers.Concatenate()([x, draw(st.sampled_from(beside))])
    return draw(st.sampled_from(merges))()([x, other])


def gated(draw: Draw, _pool: Pool, x: Any) -> Any:
    """Squeeze and excite: each channel is scaled by a function of all."""
    rank, channels = len(x.shape), x.shape[-1]
    squeezed = x
    if rank > 2:
        pool = layers.GlobalAveragePooling1D if rank == 3 else layers.GlobalMaxPooling2D
        squeezed = pool(keepdims=True)(x)
    gate = layers.Dense(3, "relu")(squeezed)
    return layers.Multiply()([x, layers.Dense(channels, activation(draw))(gate)])


def shaped(draw: Draw, _pool: Pool, x: Any) -> Any:
    """Splits, slices, reshapes, shuffles."""
    rank, channels = len(x.shape), x.shape[-1]
    half = max(1, channels // 2)
    choices: list[Callable[[], Any]] = [
        lambda: x[..., half:] if channels > 1 else x,
        lambda: layers.Concatenate()([x[..., half:], x[..., :half]]),
        lambda: ops.split(x, [half], axis=-1)[0] if channels > 1 else x,
        lambda: ops.concatenate([x, ops.relu(-x)], axis=-1),
        lambda: ops.flip(x, axis=-1),
    ]
    if rank == 3:
        choices += [lambda: layers.Permute((2, 1))(layers.Dense(5)(layers.Permute((2, 1))(x)))]
        choices += [lambda: layers.Reshape((x.shape[1], channels))(layers.Flatten()(x))]
    if rank == 4:
        choices += [lambda: layers.Reshape((x.shape[1] * x.shape[2], channels))(x)]
        if channels % 2 == 0:
            choices += [lambda: _shuffled(x)]
    return draw(st.sampled_from(choices))()


def _shuffled(x: Any) -> Any:
    _, height, breadth, channels = x.shape
    x = layers.Reshape((height, breadth, 2, channels // 2))(x)
    return layers.Reshape((height, breadth, channels))(layers.Permute((1, 2, 4, 3))(x))


def pointwise(draw: Draw, _pool: Pool, x: Any) -> Any:
    """Operations on values, and some that mix channels and must be frozen."""
    choices: list[Callable[[], Any]] = [
        lambda: x * 2.0 + 0.5,
        lambda: ops.sigmoid(x) - 0.25,
        lambda: ops.where(x > 0, x, x * 0.5),
        lambda: ops.square(x),
        lambda: ops.clip(x, -0.5, 1.0),
        lambda: ops.round(x),
        lambda: ops.softmax(x, axis=-1),
        lambda: x - ops.mean(x, axis=-1, keepdims=True),
        lambda: ops.cumsum(x, axis=-1),
        lambda: ops.sort(x, axis=-1),
        lambda: ops.roll(x, 1, axis=-1),
        lambda: x * ops.max(x, axis=-1, keepdims=True),
        lambda: ops.sum(x, axis=1, keepdims=True) + x if len(x.shape) > 2 else x,
        lambda: x + layers.Dense(1)(x),
    ]
    return draw(st.sampled_from(choices))()


def nested(draw: Draw, pool: Pool, x: Any) -> Any:
    """A model of its own, called once or twice."""
    inner = keras.Input(x.shape[1:])
    y = layers.Dense(width(draw), activation(draw))(inner)
    y = layers.Dense(x.shape[-1], activation(draw))(y)
    if draw(st.booleans()):
        y = layers.Add()([inner, y])
    model = keras.Model(inner, y)
    x = model(x)
    return model(x) if draw(st.booleans()) else x


STEPS = (mapped, mapped, mapped, passed, passed, joined, joined, gated, shaped, pointwise, nested)
SHAPES = ((5,), (6, 5), (6, 6, 3))


def graph(draw: Draw, most_steps: int = 8) -> keras.Model:
    """A random network of one or two inputs; every end is an output.

    Called with the `draw` of `st.data()`, inside of the test: Keras draws seeds as it makes layers,
    which Hypothesis does not allow inside of a strategy.
    """
    shape = draw(st.sampled_from(SHAPES))
    inputs = [keras.Input(shape) for _ in range(draw(st.integers(1, 2)))]
    pool = Pool(list(inputs))
    for _ in range(draw(st.integers(2, most_steps))):
        x = pool.take(draw)
        y = draw(st.sampled_from(STEPS))(draw, pool, x)
        if y is not x and 0 < y.shape[-1] <= 48:
            pool.tensors.append(y)
    ends = [t for t in pool.tensors if not _is_read(t)] or [pool.tensors[-1]]
    return keras.Model(inputs, [_ending(draw, t) for t in ends + _unread(inputs, ends)])


def _is_read(tensor: Any) -> bool:
    history = tensor._keras_history
    node = history.operation._inbound_nodes[history.node_index]
    return any(
        any(t is tensor for t in reader.input_tensors) for reader in node.operation._outbound_nodes
    )


def _unread(inputs: list[Any], ends: list[Any]) -> list[Any]:
    return [t for t in inputs if not _is_read(t) and all(t is not end for end in ends)]


def _ending(draw: Draw, x: Any) -> Any:
    """Logits, or the raw tensor, which then cannot shrink."""
    if len(x.shape) > 2 and draw(st.booleans()):
        pool = layers.GlobalAveragePooling1D if len(x.shape) == 3 else layers.GlobalAveragePooling2D
        x = pool()(x)
    elif len(x.shape) > 2:
        x = layers.Flatten()(x)
    return layers.Dense(3)(x)
