"""Residuals, concatenations, splits: channels that must go together, or shift their places."""

from __future__ import annotations

import keras
from keras import layers, ops

from tests.engine.zoo.registry import classified, image, pooled, sequence, topology, vector


@topology()
def residual():
    inputs = image()
    x = layers.Conv2D(6, 3, padding="same")(inputs)
    y = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    return pooled(inputs, layers.Add()([x, layers.Conv2D(6, 1)(y)]))


@topology()
def residual_with_projection():
    inputs = image()
    x = layers.Conv2D(6, 3, padding="same", activation="relu")(inputs)
    for filters in (8, 10):
        short = layers.BatchNormalization()(layers.Conv2D(filters, 1, strides=2)(x))
        y = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        y = layers.ReLU()(layers.BatchNormalization()(y))
        y = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same")(y))
        x = layers.ReLU()(layers.Add()([short, y]))
    return pooled(inputs, x)


@topology()
def preactivation_residuals():
    inputs = image()
    x = layers.Conv2D(8, 3, padding="same")(inputs)
    for _ in range(3):
        y = layers.ReLU()(layers.BatchNormalization()(x))
        y = layers.Conv2D(4, 1, use_bias=False)(y)
        x = layers.Add()([x, layers.Conv2D(8, 3, padding="same")(y)])
    return pooled(inputs, layers.BatchNormalization()(x))


@topology()
def residual_to_the_input():
    """The stream starts at the model's own input, which cannot shrink."""
    inputs = image()
    y = layers.Conv2D(7, 3, padding="same", activation="relu")(inputs)
    x = layers.Add()([inputs, layers.Conv2D(3, 1)(y)])
    return pooled(inputs, layers.Conv2D(5, 1)(x))


@topology()
def inverted_residuals():
    inputs = image()
    x = layers.Conv2D(6, 3, padding="same")(inputs)
    for _ in range(2):
        y = layers.ReLU(6.0)(layers.BatchNormalization()(layers.Conv2D(12, 1)(x)))
        y = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(y)
        y = layers.ReLU(6.0)(layers.BatchNormalization()(y))
        x = layers.Add()([x, layers.BatchNormalization()(layers.Conv2D(6, 1)(y))])
    return pooled(inputs, x)


@topology()
def every_merge():
    inputs = vector()
    a, b = layers.Dense(6, "sigmoid")(inputs), layers.Dense(6, "tanh")(inputs)
    merges = (layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum)
    found = [merge()([a, b]) for merge in (*merges, layers.Minimum)]
    return classified(inputs, layers.Concatenate()(found))


@topology()
def operators():
    inputs = vector()
    a, b = layers.Dense(6, "sigmoid")(inputs), layers.Dense(6, "tanh")(inputs)
    x = (a + b * 2.0 - 1.0) / (ops.abs(b) + 1.5) + ops.exp(-a) ** 2
    return classified(inputs, layers.Dense(4, "relu")(x))


@topology()
def dense_net():
    inputs = image()
    x = layers.Conv2D(6, 3, padding="same")(inputs)
    for _ in range(3):
        y = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.Concatenate()([x, layers.Conv2D(4, 3, padding="same")(y)])
    x = layers.AveragePooling2D(2)(layers.Conv2D(7, 1)(layers.BatchNormalization()(x)))
    return classified(inputs, x)


@topology()
def inception():
    inputs = image()
    x = layers.Conv2D(6, 1, activation="relu")(inputs)
    branches = [
        layers.Conv2D(4, 1)(x),
        layers.Conv2D(5, 3, padding="same")(layers.Conv2D(3, 1)(x)),
        layers.Conv2D(3, 1)(layers.MaxPooling2D(3, strides=1, padding="same")(x)),
        x,
    ]
    return pooled(inputs, layers.Conv2D(5, 1)(layers.Concatenate()(branches)))


@topology()
def concatenated_with_itself():
    inputs = vector()
    x = layers.Dense(6, "relu")(inputs)
    return classified(inputs, layers.Dense(5)(layers.Concatenate()([x, x, x])))


@topology()
def concatenated_with_the_input():
    inputs = vector()
    x = layers.Concatenate()([inputs, layers.Dense(8, "relu")(inputs)])
    return classified(inputs, layers.Concatenate()([layers.Dense(5, "relu")(x), inputs]))


@topology()
def residual_over_concatenation():
    """Both halves of a concatenation are tied to one wide stream."""
    inputs = vector()
    wide = layers.Dense(12)(inputs)
    halves = layers.Concatenate()([layers.Dense(5)(inputs), layers.Dense(7)(inputs)])
    return classified(inputs, layers.ReLU()(layers.Add()([wide, halves])))


@topology()
def shifted_concatenations():
    """The same channels, tied at two offsets."""
    inputs = vector()
    a, b, c = (layers.Dense(4, "tanh")(inputs) for _ in range(3))
    x = layers.Add()([layers.Concatenate()([a, b, c]), layers.Concatenate()([b, c, a])])
    return classified(inputs, layers.Dense(6, "relu")(x))


@topology()
def unet():
    inputs = image()
    a = layers.Conv2D(6, 3, padding="same", activation="relu")(inputs)
    b = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D()(a))
    c = layers.Conv2D(10, 3, padding="same", activation="relu")(layers.MaxPooling2D()(b))
    x = layers.Concatenate()([b, layers.Conv2DTranspose(8, 2, strides=2)(c)])
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    x = layers.Concatenate()([a, layers.UpSampling2D()(x)])
    return keras.Model(inputs, layers.Conv2D(2, 1)(layers.Conv2D(6, 3, padding="same")(x)))


@topology()
def feature_pyramid():
    """Features of several sizes are added after projection to one width, several outputs."""
    inputs = image()
    a = layers.Conv2D(6, 3, padding="same", activation="relu")(inputs)
    b = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(a)
    top = layers.Conv2D(7, 1)(b)
    low = layers.Add()([layers.Conv2D(7, 1)(a), layers.UpSampling2D()(top)])
    head = layers.Conv2D(4, 3, padding="same", name="head")
    return keras.Model(inputs, [head(top), head(low)])


@topology()
def split_and_swap():
    inputs = image()
    x = layers.Conv2D(8, 1, activation="relu")(inputs)
    a, b = ops.split(x, 2, axis=-1)
    x = layers.Concatenate()([layers.Conv2D(4, 1)(b), a])
    return pooled(inputs, layers.Conv2D(5, 1)(x))


@topology()
def split_unevenly():
    inputs = vector()
    a, b, c = ops.split(layers.Dense(9, "relu")(inputs), [2, 5], axis=-1)
    found = [layers.Dense(3)(a), layers.Dense(3)(b), layers.Dense(3)(c)]
    return classified(inputs, layers.Add()(found))


@topology()
def sliced_channels():
    inputs = image()
    x = layers.Conv2D(8, 1)(inputs)
    return pooled(inputs, layers.Concatenate()([x[..., :3], ops.tanh(x[..., 4:])]))


@topology()
def gated_linear_unit():
    inputs = vector()
    a, b = ops.split(layers.Dense(12)(inputs), 2, axis=-1)
    return classified(inputs, layers.Dense(4)(a * ops.sigmoid(b)))


@topology()
def channel_shuffle():
    inputs = image()
    x = layers.Conv2D(8, 1, activation="relu")(inputs)
    x = layers.Conv2D(8, 3, groups=2, padding="same")(x)
    x = layers.Permute((1, 2, 4, 3))(layers.Reshape((8, 8, 2, 4))(x))
    return pooled(inputs, layers.Conv2D(6, 1, groups=2)(layers.Reshape((8, 8, 8))(x)))


@topology()
def split_transform_merge():
    """Cross-stage partial: half of the channels go round the block."""
    inputs = image()
    x = layers.Conv2D(8, 1)(inputs)
    a, b = x[..., :4], x[..., 4:]
    b = layers.Add()([b, layers.Conv2D(4, 3, padding="same", activation="relu")(b)])
    return pooled(inputs, layers.Conv2D(6, 1, activation="relu")(layers.Concatenate()([a, b])))


@topology()
def stacked_and_summed():
    inputs = vector()
    a, b = layers.Dense(6, "relu")(inputs), layers.Dense(6, "tanh")(inputs)
    x = ops.sum(ops.stack([a, b], axis=1), axis=1)
    return classified(inputs, x)


@topology()
def many_inputs_and_outputs():
    a, b = vector(name="left"), image(name="right")
    x = layers.Dense(8, "relu")(a)
    y = layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3, activation="relu")(b))
    z = layers.Dense(7, "relu")(layers.Concatenate()([x, y]))
    outputs = {"class": layers.Dense(3, name="c")(z), "value": layers.Dense(1, name="v")(x)}
    return keras.Model({"left": a, "right": b}, outputs)


@topology()
def features_are_an_output():
    """A layer that is an output cannot go, the ones beside it can."""
    inputs = vector()
    x = layers.Dense(7, "relu", name="free")(inputs)
    y = layers.Dense(6, "relu", name="shown")(x)
    return keras.Model(inputs, [y, layers.Dense(3)(layers.Dense(5, "relu")(y))])


@topology()
def auxiliary_classifier():
    inputs = image()
    x = layers.Conv2D(6, 3, activation="relu")(inputs)
    aux = layers.Dense(3)(layers.GlobalMaxPooling2D()(x))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, activation="relu")(x))
    return keras.Model(inputs, [layers.Dense(3)(x), aux])


@topology()
def repeated_vector():
    inputs = vector()
    x = layers.RepeatVector(4)(layers.Dense(6, "relu")(inputs))
    return classified(inputs, layers.Conv1D(5, 2)(x))


@topology()
def broadcast_over_places():
    """A vector of channels is added to every place of a map."""
    inputs = image()
    x = layers.Conv2D(6, 3, padding="same")(inputs)
    bias = layers.Dense(6)(layers.GlobalAveragePooling2D()(inputs))
    x = layers.Add()([x, layers.Reshape((1, 1, 6))(bias)])
    return pooled(inputs, layers.ReLU()(x))


@topology()
def spatial_attention():
    """One map of weights for all channels ties none of them."""
    inputs = image()
    x = layers.Conv2D(6, 3, padding="same", activation="relu")(inputs)
    return pooled(inputs, layers.Multiply()([x, layers.Conv2D(1, 3, padding="same")(x)]))


@topology()
def merged_time_series():
    inputs = sequence()
    x = layers.Conv1D(6, 2, padding="same")(inputs)
    x = layers.Concatenate(axis=1)([x, layers.Dense(6)(inputs)])
    return pooled(inputs, layers.Conv1D(5, 3)(x))
