"""Gates, reshapes and norms: channels scaled, moved and normalised."""

from __future__ import annotations

from keras import layers, ops

from tests.engine.zoo.registry import classified, image, pooled, sequence, topology, vector


@topology()
def squeeze_and_excite():
    inputs = image()
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(inputs)
    gate = layers.Reshape((1, 1, 8))(layers.GlobalAveragePooling2D()(x))
    gate = layers.Conv2D(3, 1, activation="relu")(gate)
    x = layers.Multiply()([x, layers.Conv2D(8, 1, activation="sigmoid")(gate)])
    return pooled(inputs, layers.Conv2D(6, 1)(x))


@topology()
def squeeze_and_excite_by_dense():
    inputs = image()
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(inputs)
    gate = layers.Dense(3, "relu")(layers.GlobalAveragePooling2D()(x))
    gate = layers.Dense(8, "sigmoid")(gate)
    return pooled(inputs, x * layers.Reshape((1, 1, 8))(gate))


@topology()
def squeeze_and_excite_in_a_residual():
    inputs = image()
    x = layers.Conv2D(6, 3, padding="same")(inputs)
    y = layers.DepthwiseConv2D(3, padding="same")(layers.Conv2D(12, 1, activation="swish")(x))
    gate = layers.GlobalAveragePooling2D(keepdims=True)(y)
    gate = layers.Conv2D(12, 1, activation="sigmoid")(layers.Conv2D(3, 1, activation="swish")(gate))
    x = layers.Add()([x, layers.Conv2D(6, 1)(layers.Multiply()([y, gate]))])
    return pooled(inputs, x)


@topology()
def hard_swish_gate():
    inputs = image()
    x = layers.Conv2D(8, 3)(inputs)
    return pooled(inputs, x * (ops.relu6(x + 3.0) / 6.0))


@topology()
def highway():
    inputs = vector()
    x = layers.Dense(6)(inputs)
    gate = layers.Dense(6, "sigmoid")(x)
    return classified(inputs, gate * layers.Dense(6, "tanh")(x) + (1.0 - gate) * x)


@topology()
def global_response():
    """Divided by each channel's own norm over the places."""
    inputs = image()
    x = layers.Conv2D(8, 3)(inputs)
    norm = ops.sqrt(ops.sum(ops.square(x), axis=(1, 2), keepdims=True) + 1e-6)
    return pooled(inputs, layers.Conv2D(5, 1)(ops.relu(x / norm)))


@topology()
def reshaped_to_vector_and_back():
    inputs = image(4)
    x = layers.Conv2D(6, 1, activation="relu")(inputs)
    x = layers.Reshape((4, 4, 6))(layers.Reshape((96,))(x))
    return pooled(inputs, layers.Conv2D(5, 3)(x))


@topology()
def map_to_sequence():
    inputs = image(4)
    x = layers.Reshape((16, 8))(layers.Conv2D(8, 1, activation="relu")(inputs))
    return pooled(inputs, layers.Conv1D(6, 3)(x))


@topology()
def permuted():
    inputs = sequence()
    x = layers.Permute((2, 1))(layers.Dense(7, "relu")(inputs))
    return classified(inputs, layers.Dense(4, "relu")(x))


@topology()
def mixed_over_time():
    """MLP-Mixer: one Dense over channels, one over time."""
    inputs = sequence(6, 5)
    x = layers.Dense(8)(inputs)
    y = layers.Permute((2, 1))(x)
    y = layers.Dense(6)(layers.Dense(7, "gelu")(y))
    x = layers.Add()([x, layers.Permute((2, 1))(y)])
    return pooled(inputs, layers.Add()([x, layers.Dense(8)(layers.Dense(9, "gelu")(x))]))


@topology()
def mixed_over_time_by_einsum():
    """The channels pass between two labels of the kernel, and count in the shape of the output."""
    inputs = sequence(6, 5)
    x = layers.EinsumDense("btc,tcd->btd", (6, 8), bias_axes="td", activation="relu")(inputs)
    return pooled(inputs, layers.EinsumDense("btc,ts->bsc", (4, 8), bias_axes="s")(x))


@topology()
def transposed_by_operation():
    inputs = image(5)
    x = ops.transpose(layers.Conv2D(6, 1, activation="relu")(inputs), (0, 3, 1, 2))
    x = ops.moveaxis(ops.expand_dims(x, 1), 2, -1)
    return classified(inputs, ops.squeeze(x, 1))


@topology()
def space_to_depth():
    inputs = image(4)
    x = layers.Conv2D(6, 1, activation="relu")(inputs)
    x = layers.Reshape((2, 2, 2, 2, 6))(x)
    x = layers.Reshape((2, 2, 24))(layers.Permute((1, 3, 2, 4, 5))(x))
    return pooled(inputs, layers.Conv2D(5, 1)(x))


@topology()
def pixel_shuffle():
    inputs = image(4)
    x = layers.Conv2D(12, 1)(inputs)
    x = layers.Permute((1, 3, 2, 4, 5))(layers.Reshape((4, 4, 2, 2, 3))(x))
    return pooled(inputs, layers.Conv2D(4, 3)(layers.Reshape((8, 8, 3))(x)))


@topology()
def patches():
    inputs = image()
    x = layers.Reshape((4, 12))(layers.Conv2D(12, 4, strides=4)(inputs))
    return pooled(inputs, layers.Dense(6, "gelu")(x))


@topology()
def tiled_and_repeated():
    inputs = vector()
    x = layers.Dense(6, "relu")(inputs)
    x = layers.Concatenate()([ops.tile(x, (1, 2)), ops.repeat(x, 2, axis=-1)])
    return classified(inputs, layers.Dense(5)(x))


@topology()
def reversed_channels():
    inputs = vector()
    x = layers.Dense(6, "relu")(inputs)
    return classified(inputs, x[:, ::-1] + layers.Dense(6, "tanh")(inputs))


@topology()
def padded_channels():
    """A stream widened by zero channels, as in the first residual nets."""
    inputs = image()
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    x = ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, 3)))
    return pooled(inputs, layers.Add()([x, layers.Conv2D(7, 3, padding="same")(inputs)]))


@topology()
def group_norm():
    x = inputs = image()
    x = layers.GroupNormalization(4)(layers.Conv2D(8, 3)(x))
    return pooled(inputs, layers.Conv2D(5, 1)(layers.ReLU()(x)))


@topology()
def instance_norm():
    x = inputs = image()
    x = layers.GroupNormalization(-1)(layers.Conv2D(8, 3)(x))
    return pooled(inputs, layers.Conv2D(5, 1)(layers.ReLU()(x)))


@topology(shrinks=False)
def layer_norm_over_channels():
    x = inputs = image()
    return pooled(inputs, layers.LayerNormalization()(layers.Conv2D(8, 3)(x)))


@topology()
def layer_norm_in_a_residual():
    """The stream is frozen, the wide layer between is not."""
    inputs = sequence()
    x = layers.Dense(6)(inputs)
    y = layers.Dense(12, "gelu")(layers.LayerNormalization()(x))
    return pooled(inputs, layers.Add()([x, layers.Dense(6)(y)]))


@topology()
def layer_norm_over_time():
    x = inputs = sequence()
    x = layers.LayerNormalization(axis=1)(layers.Conv1D(8, 2, activation="relu")(x))
    return pooled(inputs, x)


@topology()
def rms_norm():
    x = inputs = sequence()
    x = layers.RMSNormalization()(layers.Dense(8)(x))
    return pooled(inputs, layers.Dense(6, "relu")(x))


@topology()
def unit_norm():
    x = inputs = vector()
    x = layers.UnitNormalization()(layers.Dense(8)(x))
    return classified(inputs, layers.Dense(6, "relu")(x))


@topology()
def norm_before_and_after_concatenation():
    inputs = image()
    a = layers.BatchNormalization()(layers.Conv2D(5, 3)(inputs))
    x = layers.Concatenate()([a, layers.Conv2D(4, 3)(inputs)])
    return pooled(inputs, layers.Conv2D(6, 1)(layers.ReLU()(layers.BatchNormalization()(x))))
