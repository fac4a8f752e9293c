"""Families of networks that people upload, each in small."""

from __future__ import annotations

import numpy as np
from keras import Input, Model, layers, ops

from tests.engine.zoo.registry import classified, image, pooled, sequence, topology, vector


def normed(x, filters: int, size: int = 3, **kwargs):
    x = layers.Conv2D(filters, size, padding="same", use_bias=False, **kwargs)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


@topology()
def padded_shortcuts():
    """A CIFAR ResNet: where it widens, the shortcut's new channels are zeros."""
    inputs = image()
    x = layers.Conv2D(6, 3, padding="same")(inputs)
    for filters in (6, 10):
        y = layers.Conv2D(filters, 3, padding="same")(normed(x, 8))
        x = ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, filters - x.shape[-1]))) + y
    return pooled(inputs, layers.ReLU()(x))


@topology()
def res2net():
    """Each quarter of the channels also sees what came of the quarter before it."""
    inputs = image()
    first, *rest = ops.split(normed(inputs, 16), 4, axis=-1)
    outs, last = [first], None
    for part in rest:
        last = normed(part if last is None else part + last, 4)
        outs.append(last)
    return pooled(inputs, layers.Concatenate()(outs))


@topology()
def ghost_features():
    inputs = image()
    x = normed(normed(inputs, 8), 6, 1)
    cheap = layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same")(x))
    return pooled(inputs, normed(layers.Concatenate()([x, layers.ReLU()(cheap)]), 7))


@topology()
def coordinates_beside_channels():
    inputs = image()
    across = np.linspace(-1, 1, 8, dtype="float32").reshape(1, 8, 1, 1)
    place = ops.zeros_like(inputs[..., :1]) + across
    return pooled(inputs, normed(normed(layers.Concatenate()([inputs, place]), 9), 7))


@topology()
def conditioned_by_scale_and_shift():
    """FiLM: one dense layer gives a scale and a shift of every channel."""
    inputs, told = image(), vector(4)
    x = layers.Conv2D(10, 3)(inputs)
    scale, shift = ops.split(layers.Dense(20)(told), 2, axis=-1)
    x = x * (1.0 + scale[:, None, None, :]) + shift[:, None, None, :]
    return pooled([inputs, told], ops.relu(x))


@topology()
def style_by_instance_norm():
    noise = vector(5)
    style = layers.Dense(9, "leaky_relu")(noise)
    x = layers.Reshape((4, 4, 6))(layers.Dense(96)(noise))
    x = layers.Conv2D(8, 3, padding="same")(layers.UpSampling2D()(x))
    x = layers.GroupNormalization(groups=-1, scale=False, center=False)(x)
    scale, shift = (layers.Reshape((1, 1, 8))(layers.Dense(8)(style)) for _ in range(2))
    return Model(noise, layers.Conv2D(3, 1)(layers.LeakyReLU()(x * (scale + 1.0) + shift)))


@topology()
def wavenet():
    inputs = sequence(12, 2)
    x, skips = layers.Conv1D(8, 2, padding="causal")(inputs), []
    for rate in (1, 2, 4):
        y = layers.Conv1D(12, 2, dilation_rate=rate, padding="causal")(x)
        filtered, gate = ops.split(y, 2, axis=-1)
        y = ops.tanh(filtered) * ops.sigmoid(gate)
        skips.append(layers.Conv1D(7, 1)(y))
        x = x + layers.Conv1D(8, 1)(y)
    return Model(inputs, layers.Conv1D(3, 1)(layers.ReLU()(layers.Add()(skips))))


@topology()
def conformer():
    inputs = sequence(8, 6)
    x = layers.BatchNormalization()(layers.Dense(10)(inputs))
    x = x + layers.MultiHeadAttention(2, 4)(x, x)
    value, gate = ops.split(layers.Conv1D(12, 1)(x), 2, axis=-1)
    y = layers.DepthwiseConv1D(3, padding="same")(value * ops.sigmoid(gate))
    y = layers.Activation("silu")(layers.BatchNormalization()(y))
    return pooled(inputs, x + layers.Conv1D(10, 1)(y))


@topology()
def statistics_over_time():
    inputs = sequence(9, 4)
    x = layers.Conv1D(8, 3, activation="relu")(inputs)
    mean = ops.mean(x, axis=1)
    spread = ops.sqrt(ops.mean(ops.square(x - ops.expand_dims(mean, 1)), axis=1) + 1e-5)
    return classified(inputs, layers.Dense(7, "relu")(layers.Concatenate()([mean, spread])))


@topology()
def points_turned_by_a_network():
    """PointNet: a small network says how the points are turned first."""
    inputs = sequence(10, 3)
    seen = layers.GlobalMaxPooling1D()(layers.Conv1D(9, 1, activation="relu")(inputs))
    x = layers.Dot(axes=(2, 1))([inputs, layers.Reshape((3, 3))(layers.Dense(9)(seen))])
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv1D(8, 1)(x)))
    return classified(inputs, layers.GlobalMaxPooling1D()(x))


@topology()
def neighbours_in_a_graph():
    nodes, links = sequence(6, 5), sequence(6, 6)
    x = ops.relu(ops.matmul(links, layers.Dense(9)(nodes)))
    return pooled([nodes, links], ops.relu(ops.matmul(links, layers.Dense(7)(x))))


@topology()
def factorization_machine():
    """DeepFM: products of all pairs of embeddings, beside a dense net on the same ones."""
    words = [Input((1,), dtype="int32") for _ in range(3)]
    x = layers.Concatenate(axis=1)([layers.Embedding(2, 6)(word) for word in words])
    pairs = ops.square(ops.sum(x, axis=1)) - ops.sum(ops.square(x), axis=1)
    deep = layers.Dense(1)(layers.Dense(8, "relu")(layers.Flatten()(x)))
    return Model(words, ops.sum(pairs, axis=1, keepdims=True) * 0.5 + deep)


@topology()
def mixture_of_experts():
    inputs = vector()
    experts = ops.stack([layers.Dense(8, "relu")(inputs) for _ in range(3)], axis=1)
    gates = [layers.Dense(3, "softmax")(inputs) for _ in range(2)]
    mixed = [ops.sum(experts * ops.expand_dims(gate, -1), axis=1) for gate in gates]
    return Model(inputs, [layers.Dense(1)(layers.Dense(6, "relu")(x)) for x in mixed])


@topology()
def duel_of_value_and_advantage():
    inputs = vector()
    x = layers.Dense(10, "relu")(inputs)
    value, advantage = (layers.Dense(n)(layers.Dense(7, "relu")(x)) for n in (1, 4))
    return Model(inputs, value + advantage - ops.mean(advantage, axis=1, keepdims=True))
