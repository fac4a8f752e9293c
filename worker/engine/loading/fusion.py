"""TensorFlow's fusing of operations, turned off for the networks on which it dies.

With oneDNN its remapper makes a convolution, its bias and a sum into one operation. Where the other
addend is padded (the shortcut of a CIFAR ResNet) it follows a node that is gone, and the process
ends with SIGSEGV (TensorFlow 2.21). Padding that only convolutions and pooling read is harmless.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import layers
from keras.src.ops.numpy import Pad

from worker.engine.graph.walk import graph_of, nodes_in_order

_PADDING = (layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ZeroPadding3D, Pad)
_POOLING = ("MaxPooling", "AveragePooling", "GlobalMaxPooling", "GlobalAveragePooling")
_CONVOLUTIONS = ("Conv", "DepthwiseConv", "SeparableConv")


def settle(model: keras.Model) -> None:
    """Let this process fuse, but not where the model adds what was padded."""
    tf.config.optimizer.set_experimental_options({"remapping": not adds_padded(model)})


def adds_padded(model: Any) -> bool:
    """Whether anything but a convolution or a pooling reads a padded tensor, also in models nested
    in this one."""
    graph = graph_of(model)
    if graph is None:
        return False
    return any(map(_is_padded, graph.outputs)) or any(
        adds_padded(node.operation)
        or (not _is_harmless(node.operation) and any(map(_is_padded, node.input_tensors)))
        for node in nodes_in_order(graph)
    )


def _is_harmless(operation: Any) -> bool:
    return type(operation).__name__.startswith(_CONVOLUTIONS + _POOLING)


def _is_padded(tensor: Any) -> bool:
    return isinstance(tensor._keras_history.operation, _PADDING)
