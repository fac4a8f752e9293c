"""Operations that mix, order or count channels: what they touch is frozen, or removed exactly."""

from __future__ import annotations

from keras import layers, ops

from tests.engine.zoo.registry import classified, image, pooled, sequence, topology, vector


def features(width=8):
    inputs = vector()
    return inputs, layers.Dense(width, "tanh")(inputs)


@topology(shrinks=False)
def sorted_channels():
    inputs, x = features()
    return classified(inputs, ops.sort(x, axis=-1))


@topology()
def sorted_places():
    inputs = sequence()
    return classified(inputs, ops.sort(layers.Dense(7)(inputs), axis=1))


@topology(shrinks=False)
def cumulative_sum():
    inputs, x = features()
    return classified(inputs, ops.cumsum(x, axis=-1))


@topology()
def cumulative_sum_over_time():
    inputs = sequence()
    return classified(inputs, ops.cumsum(layers.Dense(7)(inputs), axis=1))


@topology(shrinks=False)
def top_k():
    inputs, x = features()
    return classified(inputs, ops.top_k(x, 3)[0])


@topology(shrinks=False)
def arg_max():
    inputs, x = features()
    return classified(inputs, ops.one_hot(ops.argmax(x, axis=-1), 8))


@topology(shrinks=False)
def rolled():
    inputs, x = features()
    return classified(inputs, x + ops.roll(x, 1, axis=-1))


@topology(shrinks=False)
def median():
    inputs, x = features()
    return classified(inputs, x - ops.median(x, axis=-1, keepdims=True))


@topology(shrinks=False)
def softmax_over_channels():
    inputs, x = features()
    return classified(inputs, ops.softmax(x, axis=-1))


@topology(shrinks=False)
def softmax_layer_over_channels():
    inputs, x = features()
    return classified(inputs, layers.Softmax()(x))


@topology(shrinks=False)
def mean_over_channels():
    inputs, x = features()
    return classified(inputs, x - ops.mean(x, axis=-1, keepdims=True))


@topology(shrinks=False)
def variance_over_channels():
    inputs, x = features()
    return classified(inputs, x / (1.0 + ops.var(x, axis=-1, keepdims=True)))


@topology(shrinks=False)
def maximum_over_channels():
    inputs = image()
    x = layers.Conv2D(8, 3)(inputs)
    return pooled(inputs, x * ops.max(x, axis=-1, keepdims=True))


@topology(shrinks=False)
def count_of_channels():
    """The number of active channels is a feature."""
    inputs, x = features()
    count = ops.sum(ops.cast(x > 0, "float32"), axis=-1, keepdims=True)
    return classified(inputs, layers.Concatenate()([x, count]))


@topology(shrinks=False)
def maxout():
    inputs, x = features()
    return classified(inputs, ops.max(layers.Reshape((4, 2))(x), axis=1))


@topology()
def rounded():
    inputs, x = features()
    return classified(inputs, layers.Dense(6)(ops.round(x * 4.0) / 4.0))


@topology()
def signs():
    inputs, x = features()
    return classified(inputs, layers.Dense(6)(ops.sign(x) + ops.floor(x * 3.0)))


@topology()
def where_by_itself():
    inputs, x = features()
    return classified(inputs, layers.Dense(6)(ops.where(x > 0.1, x, x * x - 0.5)))


@topology()
def clipped():
    inputs, x = features()
    return classified(inputs, layers.Dense(6)(ops.clip(x, -0.3, 0.4) + 1.0))


@topology(shrinks=False)
def cross_product_of_channels():
    inputs, x = features(6)
    outer = ops.matmul(ops.expand_dims(x, 2), ops.expand_dims(x, 1))
    return classified(inputs, ops.triu(outer))


@topology(shrinks=False)
def flipped_against_itself():
    """Channel k meets channel 7 - k: pairs go together, or none."""
    inputs, x = features()
    return classified(inputs, layers.Dense(5, "relu")(x * ops.flip(x, axis=-1)))


@topology(shrinks=False)
def neighbours_differ():
    inputs, x = features()
    return classified(inputs, x[:, 1:] - x[:, :-1])


@topology(shrinks=False)
def gathered():
    inputs, x = features()
    return classified(inputs, ops.take(x, [3, 3, 0, 7, 1], axis=-1))


@topology(shrinks=False)
def norm_over_channels():
    inputs, x = features()
    return classified(inputs, x / (1.0 + ops.norm(x, axis=-1, keepdims=True)))


@topology(shrinks=False)
def flattened_places_sorted():
    inputs = image(4)
    x = layers.Flatten()(layers.Conv2D(6, 3)(inputs))
    return classified(inputs, ops.sort(x, axis=-1))


@topology(shrinks=False)
def local_response():
    """Every channel divided by its neighbours' squares."""
    inputs = image()
    x = layers.Conv2D(8, 3, activation="relu")(inputs)
    square = ops.pad(ops.square(x), ((0, 0), (0, 0), (0, 0), (1, 1)))
    total = square[..., :-2] + square[..., 1:-1] + square[..., 2:]
    return pooled(inputs, x / (1.0 + total))


@topology(shrinks=False)
def log_sum_exp():
    inputs, x = features()
    return classified(inputs, x - ops.logsumexp(x, axis=-1, keepdims=True))


@topology()
def constant_that_is_not_zero():
    """f(0) = 0.5 at every reader: zeroing the producers alone would be wrong."""
    inputs, x = features()
    x = ops.sigmoid(layers.Dense(8)(x)) + 0.25
    return classified(inputs, layers.Dense(5, "sigmoid")(ops.cos(x)))


@topology(shrinks=False)
def divided_by_what_may_be_zero():
    """0 / 0 is not 0, nor is a weight of 0 times it."""
    inputs, x = features()
    return classified(inputs, x / layers.Dense(8)(inputs))


@topology(shrinks=False)
def standardised_over_time():
    """Without an epsilon: what is 0 at every step has no spread to be divided by."""
    inputs = sequence()
    x = layers.Conv1D(8, 2)(inputs)
    x = (x - ops.mean(x, axis=1, keepdims=True)) / ops.std(x, axis=1, keepdims=True)
    return classified(inputs, x)


@topology()
def logarithms():
    """Softplus of a removed channel is no 0, whose logarithm would be infinite."""
    inputs, x = features()
    return classified(inputs, ops.log(layers.Dense(7, "softplus")(x)))
