"""Which rule reads which built-in layer, matched on the exact class.

A rule takes (tracer, layer, call) and returns the axes of every output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import layers
from keras.src.applications.convnext import LayerScale, StochasticDepth
from keras.src.applications.inception_resnet_v2 import CustomScaleLayer
from keras.src.ops import numpy as numpy_ops

from worker.engine.graph.flow import Axes, Call
from worker.engine.graph.rules import (
    attention,
    convolution,
    dense,
    einsum,
    embedding,
    masks,
    merging,
    normalization,
    operations,
    pointwise,
    recurrent,
    shaping,
    spatial,
    wrappers,
)
from worker.engine.graph.tracer import Tracer

Rule = Callable[[Tracer, Any, Call], list[Axes]]

WITH_WEIGHTS: dict[type, Rule] = {
    layers.Dense: dense.dense,
    layers.Conv1D: convolution.convolution,
    layers.Conv2D: convolution.convolution,
    layers.Conv3D: convolution.convolution,
    layers.Conv1DTranspose: convolution.transposed,
    layers.Conv2DTranspose: convolution.transposed,
    layers.Conv3DTranspose: convolution.transposed,
    layers.DepthwiseConv1D: convolution.depthwise,
    layers.DepthwiseConv2D: convolution.depthwise,
    layers.SeparableConv1D: convolution.separable,
    layers.SeparableConv2D: convolution.separable,
    layers.BatchNormalization: normalization.batch,
    layers.LayerNormalization: normalization.layer_norm,
    layers.RMSNormalization: normalization.rms,
    layers.GroupNormalization: normalization.group,
    layers.Normalization: normalization.preprocessing,
    layers.PReLU: pointwise.prelu,
    LayerScale: pointwise.layer_scale,
    layers.Embedding: embedding.embedding,
    layers.ReversibleEmbedding: embedding.reversible,
    layers.EinsumDense: einsum.einsum_dense,
    layers.SimpleRNN: recurrent.recurrent,
    layers.GRU: recurrent.recurrent,
    layers.LSTM: recurrent.recurrent,
    layers.RNN: recurrent.recurrent,
    layers.ConvLSTM1D: recurrent.convolutional,
    layers.ConvLSTM2D: recurrent.convolutional,
    layers.ConvLSTM3D: recurrent.convolutional,
    layers.Bidirectional: wrappers.bidirectional,
    layers.TimeDistributed: wrappers.time_distributed,
    layers.SpectralNormalization: wrappers.spectral,
    layers.MultiHeadAttention: attention.multi_head,
    layers.GroupQueryAttention: attention.grouped_query,
    layers.Attention: attention.dot_product,
    layers.AdditiveAttention: attention.additive,
}

# They give a tensor channels that it did not have.
MAKING = (layers.RepeatVector,)

WITHOUT_WEIGHTS: dict[type, Rule] = {
    layers.UnitNormalization: normalization.unit,
    layers.Softmax: pointwise.softmax,
    **dict.fromkeys(operations.ELEMENTWISE, operations.elementwise),
    numpy_ops.Transpose: operations.transpose,
    numpy_ops.Reshape: operations.reshape,
    numpy_ops.Concatenate: merging.concatenate,
    numpy_ops.Any: masks.any_channel,
    layers.Rescaling: pointwise.rescaling,
    layers.Masking: pointwise.masking,
    layers.Dropout: pointwise.dropout,
    layers.AlphaDropout: pointwise.dropout,
    layers.Concatenate: merging.concatenate,
    layers.Flatten: shaping.flatten,
    layers.Reshape: shaping.reshape,
    layers.Permute: shaping.permute,
    layers.RepeatVector: shaping.repeat,
    **dict.fromkeys(
        (
            layers.Add,
            layers.Subtract,
            layers.Multiply,
            layers.Average,
            layers.Maximum,
            layers.Minimum,
            CustomScaleLayer,
        ),
        merging.elementwise,
    ),
    **dict.fromkeys(
        (layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU), pointwise.applied
    ),
    **dict.fromkeys(
        (
            layers.SpatialDropout1D,
            layers.SpatialDropout2D,
            layers.SpatialDropout3D,
            layers.GaussianDropout,
            layers.GaussianNoise,
            layers.ActivityRegularization,
            layers.Identity,
            StochasticDepth,
        ),
        pointwise.passes,
    ),
    **dict.fromkeys(
        (
            layers.MaxPooling1D,
            layers.MaxPooling2D,
            layers.MaxPooling3D,
            layers.AveragePooling1D,
            layers.AveragePooling2D,
            layers.AveragePooling3D,
            layers.ZeroPadding2D,
            layers.ZeroPadding3D,
            layers.Cropping2D,
            layers.Cropping3D,
            layers.UpSampling2D,
            layers.UpSampling3D,
        ),
        spatial.windowed,
    ),
    **dict.fromkeys(
        (layers.ZeroPadding1D, layers.Cropping1D, layers.UpSampling1D), spatial.along_time
    ),
    **dict.fromkeys(
        (
            layers.GlobalAveragePooling1D,
            layers.GlobalAveragePooling2D,
            layers.GlobalAveragePooling3D,
            layers.GlobalMaxPooling1D,
            layers.GlobalMaxPooling2D,
            layers.GlobalMaxPooling3D,
        ),
        spatial.over_all,
    ),
}
