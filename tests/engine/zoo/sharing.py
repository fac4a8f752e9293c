"""Shared layers, nested models, odd structures, precision and data formats."""

from __future__ import annotations

import keras
from keras import layers, ops

from tests.engine.zoo.registry import classified, image, pooled, sequence, topology, vector


@topology()
def siamese():
    a, b = vector(), vector()
    tower = keras.Sequential([vector(), layers.Dense(8, "relu"), layers.Dense(7, "tanh")])
    return classified([a, b], layers.Subtract()([tower(a), tower(b)]))


@topology()
def layer_called_on_its_own_output():
    """In and out are one: a unit goes from both, or from neither."""
    inputs = vector()
    again = layers.Dense(8, "tanh")
    x = again(again(again(layers.Dense(8)(inputs))))
    return classified(inputs, x)


@topology()
def layer_shared_by_two_streams():
    a, b = sequence(5, 4), sequence(5, 6)
    shared = layers.Conv1D(6, 2, activation="relu")
    x, y = shared(layers.Dense(7)(a)), shared(layers.Dense(7)(b))
    return pooled([a, b], layers.Concatenate()([x, y]))


@topology()
def norm_shared_by_two_streams():
    inputs = image()
    norm = layers.BatchNormalization()
    x, y = norm(layers.Conv2D(6, 3)(inputs)), norm(layers.Conv2D(6, 3)(inputs))
    return pooled(inputs, layers.Conv2D(4, 1)(layers.Concatenate()([x, layers.ReLU()(y)])))


@topology(words=9)
def embedding_shared_by_two_inputs():
    a, b = keras.Input((5,), dtype="int32"), keras.Input((4,), dtype="int32")
    words = layers.Embedding(9, 6)
    x, y = layers.GRU(5)(words(a)), layers.GlobalMaxPooling1D()(words(b))
    return classified([a, b], layers.Concatenate()([x, y]))


@topology(words=9)
def tied_embedding():
    inputs = keras.Input((5,), dtype="int32")
    words = layers.ReversibleEmbedding(9, 8)
    x = layers.Dense(8, "tanh")(layers.Dense(6, "relu")(words(inputs)))
    return keras.Model(inputs, words(x, reverse=True))


@topology()
def backbone_and_head():
    inner = image()
    x = layers.Conv2D(6, 3, activation="relu")(inner)
    backbone = keras.Model(inner, layers.Conv2D(8, 3, activation="relu")(x), name="backbone")
    inputs = image()
    return pooled(inputs, layers.Conv2D(5, 1, activation="relu")(backbone(inputs)))


@topology()
def frozen_backbone():
    backbone = keras.Sequential(
        [image(), layers.Conv2D(6, 3, use_bias=False), layers.BatchNormalization(), layers.ReLU()]
    )
    backbone.trainable = False
    inputs = image()
    x = backbone(inputs, training=False)
    return classified(inputs, layers.Dense(6, "relu")(layers.GlobalAveragePooling2D()(x)))


@topology()
def nested_twice():
    innermost = keras.Sequential([vector(8), layers.Dense(7, "relu"), layers.Dense(8)])
    inner = vector(8)
    middle = keras.Model(inner, layers.Add()([inner, innermost(inner)]))
    inputs = vector()
    return classified(inputs, layers.ReLU()(middle(layers.Dense(8)(inputs))))


@topology()
def nested_with_several_ends():
    a, b = vector(6, name="a"), vector(6, name="b")
    inner = keras.Model(
        {"a": a, "b": b}, {"s": layers.Add()([a, b]), "d": layers.Dense(5, "relu")(b)}
    )
    inputs = vector()
    found = inner({"a": layers.Dense(6)(inputs), "b": layers.Dense(6, "tanh")(inputs)})
    return classified(inputs, layers.Concatenate()([found["s"], found["d"]]))


@topology()
def nested_model_called_twice():
    inner = vector(7)
    block = keras.Model(inner, layers.Dense(7, "tanh")(layers.Dense(9, "relu")(inner)))
    inputs = vector()
    return classified(inputs, block(block(layers.Dense(7)(inputs))))


@topology()
def names_that_meet():
    """Two nested models hold layers of one name."""

    def block(name: str) -> keras.Model:
        return keras.Sequential(
            [vector(), layers.Dense(7, "relu", name="dense"), layers.Dense(6, name="out")],
            name=name,
        )

    inputs = vector()
    x = block("one")(inputs)
    return classified(inputs, layers.Add()([x, block("two")(x)]))


@topology()
def sequential_in_sequential():
    inner = keras.Sequential([image(), layers.Conv2D(6, 3, activation="relu"), layers.MaxPool2D()])
    return keras.Sequential(
        [image(), inner, layers.Flatten(), layers.Dense(8, "relu"), layers.Dense(3)]
    )


@topology()
def one_output_in_a_list():
    inputs = vector()
    return keras.Model([inputs], [layers.Dense(3)(layers.Dense(8, "relu")(inputs))])


@topology()
def nested_output_structure():
    inputs = vector()
    x = layers.Dense(8, "relu")(inputs)
    return keras.Model(inputs, {"a": (layers.Dense(2)(x), layers.Dense(3)(x)), "b": x[:, :1] * 1.0})


@topology()
def any_image_size():
    x = inputs = keras.Input((None, None, 3))
    x = layers.Conv2D(6, 3, strides=2, activation="relu")(x)
    return pooled(inputs, layers.Conv2D(8, 3, activation="relu")(x))


@topology()
def fixed_batch():
    x = inputs = keras.Input(batch_shape=(4, 6))
    return keras.Model(inputs, layers.Dense(3)(layers.Dense(8, "relu")(x)))


@topology()
def channels_first_images():
    """TensorFlow computes most of it on a CPU in float32 alone."""
    options = {"padding": "same", "data_format": "channels_first"}
    x = inputs = keras.Input((3, 8, 8))
    x = layers.Conv2D(8, 3, activation="relu", **options)(x)
    y = layers.BatchNormalization(axis=1)(layers.DepthwiseConv2D(3, **options)(x))
    y = layers.Conv2D(8, 3, groups=2, dilation_rate=2, **options)(layers.ReLU()(y))
    x = layers.Add()([x, layers.PReLU(shared_axes=[2, 3])(y)])
    x = layers.Conv2DTranspose(6, 3, strides=2, **options)(x)
    x = layers.MaxPooling2D(data_format="channels_first")(x)
    return classified(inputs, layers.Flatten(data_format="channels_first")(x))


@topology()
def channels_first_series():
    x = inputs = keras.Input((3, 8))
    x = layers.Conv1D(6, 3, data_format="channels_first", activation="relu")(x)
    x = layers.ZeroPadding1D(1, data_format="channels_first")(x)
    x = layers.EinsumDense("bct,cd->bdt", (7, 8), bias_axes="d")(x)
    x = layers.ReLU()(layers.BatchNormalization(axis=1)(x))
    x = layers.Concatenate(axis=1)([x, layers.GroupNormalization(7, axis=1)(x)])
    return classified(inputs, layers.GlobalMaxPooling1D(data_format="channels_first")(x))


@topology()
def half_precision():
    x = inputs = image()
    x = layers.Conv2D(6, 3, dtype="mixed_float16")(x)
    x = layers.ReLU(dtype="mixed_float16")(layers.BatchNormalization(dtype="mixed_float16")(x))
    x = layers.GlobalAveragePooling2D(dtype="mixed_float16")(x)
    return classified(inputs, layers.Dense(5, "relu", dtype="bfloat16")(x))


@topology()
def double_precision():
    inputs = keras.Input((6,), dtype="float64")
    x = layers.Dense(8, "relu", dtype="float64")(inputs)
    return keras.Model(inputs, layers.Dense(3, dtype="float64")(x))


@topology()
def cast_in_between():
    inputs = vector()
    x = ops.cast(layers.Dense(8, "relu")(inputs), "float64")
    return keras.Model(inputs, layers.Dense(3)(ops.cast(ops.square(x), "float32")))


@topology()
def constants_in_the_graph():
    inputs = vector()
    x = layers.Dense(8)(inputs)
    x = x * ops.convert_to_tensor([0.5, -1.0, 2.0, 1.5, 3.0, -0.5, 1.0, 0.25]) + 0.125
    return classified(inputs, layers.Dense(5)(ops.relu(x)))


@topology()
def regularised_and_constrained():
    return keras.Sequential(
        [
            vector(),
            layers.Dense(8, "relu", kernel_regularizer="l2", bias_constraint="non_neg"),
            layers.Dense(7, "relu", kernel_constraint=keras.constraints.MaxNorm(2.0)),
            layers.Dense(3, activity_regularizer="l1"),
        ]
    )


@topology()
def unused_branch():
    """A layer whose output nobody reads is still part of the file."""
    inputs = vector()
    x = layers.Dense(8, "relu")(inputs)
    y = layers.Dense(7, "relu")(x)
    return keras.Model(inputs, [layers.Dense(3)(x), layers.Dense(1)(y) * 0.5])
