"""Grouped convolutions of one channel a group, run as the depthwise ones that they are.

Keras leaves grouped convolutions on a CPU to XLA, which takes over a second for a layer of ConvNeXt
where TensorFlow's depthwise convolution takes milliseconds.
"""

from __future__ import annotations

from typing import Any

import keras


def is_depthwise(layer: Any) -> bool:
    """Whether each output of a convolution reads a single channel."""
    return (
        type(layer) is keras.layers.Conv2D
        and layer.groups > 1
        and layer.kernel.shape[-2] == 1
        and layer.data_format == "channels_last"
        and layer.strides[0] == layer.strides[1]
        and (layer.strides[0] == 1 or max(layer.dilation_rate) == 1)
        and layer.compute_dtype == layer.variable_dtype
    )


def run(layer: Any, x: Any) -> Any:
    """What `layer(x)` is, up to rounding."""
    kernel = keras.ops.reshape(layer.kernel, (*layer.kernel_size, layer.groups, -1))
    outputs = keras.ops.depthwise_conv(
        keras.ops.cast(x, layer.compute_dtype),
        kernel,
        strides=layer.strides,
        padding=layer.padding,
        data_format=layer.data_format,
        dilation_rate=layer.dilation_rate,
    )
    if layer.use_bias:
        outputs = keras.ops.add(outputs, layer.bias)
    return layer.activation(outputs)
