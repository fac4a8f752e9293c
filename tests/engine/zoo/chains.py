"""Chains: one layer after the other, and what may stand between them."""

from __future__ import annotations

import keras
from keras import layers

from tests.engine.zoo.registry import classified, image, pooled, sequence, topology, vector


@topology()
def dense_chain():
    return keras.Sequential(
        [vector(), layers.Dense(8, "relu"), layers.Dense(7, "tanh"), layers.Dense(3)]
    )


@topology()
def dense_every_activation():
    x = inputs = vector()
    for name in ("sigmoid", "swish", "gelu", "softplus", "elu", "selu", "hard_sigmoid", "mish"):
        x = layers.Dense(6, name)(x)
    return classified(inputs, x)


@topology()
def dense_without_bias_before_norm():
    x = inputs = vector()
    for _ in range(2):
        x = layers.ReLU()(layers.BatchNormalization()(layers.Dense(9, use_bias=False)(x)))
    return classified(inputs, x)


@topology()
def norm_without_scale_or_centre():
    x = inputs = image()
    x = layers.BatchNormalization(scale=False)(layers.Conv2D(6, 3)(x))
    x = layers.BatchNormalization(center=False)(layers.Conv2D(6, 3)(layers.ELU()(x)))
    return pooled(inputs, layers.LeakyReLU()(x))


@topology()
def conv_chain_same():
    x = inputs = image()
    for filters in (8, 6, 5):
        x = layers.Conv2D(filters, 3, padding="same", activation="sigmoid")(x)
    return classified(inputs, x)


@topology()
def conv_strides_and_dilation():
    x = inputs = image(10)
    x = layers.Conv2D(6, 3, dilation_rate=2, activation="relu")(x)
    x = layers.Conv2D(8, (3, 1), strides=2, padding="same", activation="relu")(x)
    return pooled(inputs, x)


@topology()
def lenet():
    x = inputs = image(12, 1)
    x = layers.MaxPooling2D()(layers.Conv2D(6, 3, activation="tanh")(x))
    x = layers.AveragePooling2D(2)(layers.Conv2D(8, 3, activation="tanh", padding="same")(x))
    x = layers.Flatten()(x)
    return classified(inputs, layers.Dense(10, "relu")(layers.Dense(12, "relu")(x)))


@topology()
def flatten_into_dense_chain():
    x = inputs = image(4)
    x = layers.Flatten()(layers.Conv2D(5, 3)(x))
    return classified(inputs, layers.Dense(7, "relu")(x))


@topology()
def conv1d_causal():
    x = inputs = sequence()
    x = layers.Conv1D(6, 3, padding="causal", activation="relu")(x)
    x = layers.Conv1D(5, 2, padding="causal", dilation_rate=2, activation="sigmoid")(x)
    return pooled(inputs, x)


@topology()
def conv3d():
    x = inputs = keras.Input((4, 5, 5, 2))
    x = layers.MaxPooling3D((1, 2, 2))(layers.Conv3D(6, 2, activation="relu")(x))
    return pooled(inputs, layers.Conv3D(4, 1)(x))


@topology()
def transposed():
    x = inputs = image(4)
    x = layers.Conv2DTranspose(6, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(5, 2, strides=2, use_bias=False)(x)
    return pooled(inputs, layers.BatchNormalization()(x))


@topology()
def transposed_1d_and_3d():
    a, b = sequence(), keras.Input((2, 3, 3, 2))
    x = layers.Conv1D(4, 2)(layers.Conv1DTranspose(6, 3, strides=2, activation="relu")(a))
    y = layers.Conv3D(4, 1)(layers.Conv3DTranspose(5, 2, activation="relu")(b))
    x, y = layers.GlobalMaxPooling1D()(x), layers.GlobalMaxPooling3D()(y)
    return classified([a, b], layers.Concatenate()([x, y]))


@topology()
def autoencoder():
    x = inputs = image()
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.UpSampling2D()(layers.Conv2DTranspose(6, 3, padding="same", activation="relu")(x))
    x = layers.UpSampling2D(interpolation="bilinear")(x)
    return keras.Model(inputs, layers.Conv2D(3, 3, padding="same")(x))


@topology()
def depthwise_blocks():
    x = inputs = image()
    for filters in (6, 8):
        x = layers.DepthwiseConv2D(3, padding="same")(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
        x = layers.ReLU(6.0)(layers.BatchNormalization()(layers.Conv2D(filters, 1)(x)))
    return pooled(inputs, x)


@topology()
def depth_multiplier():
    x = inputs = image()
    x = layers.DepthwiseConv2D(3, depth_multiplier=2)(layers.Conv2D(6, 1)(x))
    return pooled(inputs, layers.Conv2D(5, 1)(layers.LeakyReLU()(x)))


@topology()
def depth_multiplier_twice():
    x = inputs = sequence(12, 3)
    x = layers.DepthwiseConv1D(2, depth_multiplier=3)(layers.Conv1D(4, 1)(x))
    x = layers.DepthwiseConv1D(2, depth_multiplier=2, activation="relu")(x)
    return pooled(inputs, x)


@topology()
def separable():
    x = inputs = image()
    x = layers.SeparableConv2D(8, 3, depth_multiplier=2, activation="relu")(x)
    return pooled(inputs, layers.SeparableConv2D(6, 3, activation="relu")(x))


@topology()
def separable_1d():
    x = inputs = sequence(9, 4)
    x = layers.SeparableConv1D(8, 3, activation="relu")(layers.Conv1D(6, 1)(x))
    return pooled(inputs, layers.BatchNormalization()(x))


@topology()
def grouped_conv():
    x = inputs = image(8, 4)
    x = layers.Conv2D(12, 3, groups=2, activation="relu")(layers.Conv2D(8, 1)(x))
    return pooled(inputs, layers.Conv2D(8, 1, groups=4)(x))


@topology()
def grouped_one_channel_each():
    x = inputs = image()
    x = layers.Conv2D(6, 3, groups=6, activation="relu")(layers.Conv2D(6, 1)(x))
    return pooled(inputs, layers.Conv2D(4, 1)(x))


@topology()
def grouped_after_norm():
    x = inputs = image()
    x = layers.BatchNormalization()(layers.Conv2D(8, 1, use_bias=False)(x))
    x = layers.Conv2D(8, 3, groups=4, padding="same")(layers.ReLU()(x))
    return pooled(inputs, layers.BatchNormalization()(x))


@topology()
def prelu_shared_and_not():
    x = inputs = image()
    x = layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(6, 3)(x))
    x = layers.PReLU()(layers.Conv2D(5, 3)(x))
    return classified(inputs, x)


@topology()
def dropout_noise_and_identity():
    x = inputs = image()
    x = layers.SpatialDropout2D(0.5)(layers.Conv2D(6, 3)(x))
    x = layers.Identity()(layers.GaussianNoise(1.0)(layers.Activation("relu")(x)))
    x = layers.ActivityRegularization(l2=0.1)(layers.AlphaDropout(0.5)(x))
    return pooled(inputs, layers.GaussianDropout(0.3)(x))


@topology()
def augmented_images():
    """Layers that change images at random unless they are told that nothing is trained."""
    x = inputs = image()
    x = layers.RandomRotation(0.2)(layers.RandomFlip()(x))
    x = keras.Sequential([layers.RandomZoom(0.2), layers.RandomContrast(0.2)])(x)
    x = layers.Conv2D(8, 3, activation="relu")(x)
    return classified(inputs, x)


@topology()
def padding_cropping_and_upsampling():
    x = inputs = image()
    x = layers.ZeroPadding2D(2)(layers.Conv2D(6, 3, activation="sigmoid")(x))
    x = layers.Cropping2D(((1, 0), (0, 1)))(layers.Conv2D(5, 3, activation="sigmoid")(x))
    return classified(inputs, layers.UpSampling2D(2)(x))


@topology()
def padding_in_time():
    x = inputs = sequence()
    x = layers.ZeroPadding1D(1)(layers.Conv1D(6, 2, activation="sigmoid")(x))
    x = layers.Cropping1D(1)(layers.UpSampling1D(2)(x))
    return classified(inputs, layers.Conv1D(4, 2)(x))


@topology()
def every_pooling():
    inputs = image()
    x = layers.Conv2D(6, 3, activation="relu")(inputs)
    found = [
        layers.GlobalAveragePooling2D()(x),
        layers.GlobalMaxPooling2D()(x),
        layers.Flatten()(layers.MaxPooling2D(2, padding="same")(x)),
        layers.Flatten()(layers.AveragePooling2D(3, strides=1, padding="same")(x)),
    ]
    return classified(inputs, layers.Concatenate()(found))


@topology()
def adaptive_pooling():
    x = inputs = image(9)
    x = layers.AdaptiveAveragePooling2D(2)(layers.Conv2D(6, 3, activation="relu")(x))
    return classified(inputs, x)


@topology()
def rescaled_inputs():
    x = inputs = image()
    x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    x = layers.Rescaling(0.5, offset=0.25)(layers.Conv2D(6, 3)(x))
    return pooled(inputs, layers.Conv2D(5, 1)(x))


@topology()
def normalised_inputs():
    x = inputs = vector()
    x = layers.Normalization(mean=[0.1] * 6, variance=[2.0] * 6)(x)
    return classified(inputs, layers.Dense(7, "relu")(layers.Dense(8, "relu")(x)))


@topology()
def spectral_normalization():
    x = inputs = image()
    x = layers.SpectralNormalization(layers.Conv2D(6, 3, activation="relu"))(x)
    return pooled(inputs, layers.Conv2D(5, 1, activation="relu")(x))


@topology(shrinks=False)
def single_layer():
    return keras.Sequential([vector(), layers.Dense(3)])


@topology(words=11)
def embedded_words():
    inputs = keras.Input((7,), dtype="int32")
    x = layers.Embedding(11, 6)(inputs)
    return classified(inputs, layers.Conv1D(5, 3, activation="relu")(x))


@topology(words=11)
def embedded_words_averaged():
    inputs = keras.Input((7,), dtype="int32")
    x = layers.GlobalAveragePooling1D()(layers.Embedding(11, 6)(inputs))
    return classified(inputs, layers.Dense(5, "relu")(x))


@topology()
def dense_over_time():
    x = inputs = sequence()
    x = layers.Dense(5, "relu")(layers.Dense(7, "relu")(x))
    return classified(inputs, x)


@topology()
def einsum_dense():
    x = inputs = sequence()
    x = layers.EinsumDense("abc,cd->abd", (None, 8), bias_axes="d", activation="relu")(x)
    return pooled(inputs, layers.EinsumDense("...x,xy->...y", 5)(x))


@topology()
def einsum_dense_heads():
    x = inputs = sequence()
    x = layers.EinsumDense("btd,dhk->bthk", (None, 3, 4), bias_axes="hk")(x)
    x = layers.EinsumDense("bthk,hkd->btd", (None, 6), bias_axes="d")(layers.ReLU()(x))
    return pooled(inputs, x)
