"""hard_sigmoid(x) was clip(0.2 x + 0.5, 0, 1) in Keras 2 and is clip(x / 6 + 0.5, 0, 1) in Keras 3.

The old one of x is the new one of 1.2 x. So what is linear in front of it is multiplied by 1.2: the
gates of recurrent layers, where hard_sigmoid was once the default, kernels and biases elsewhere.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers
from keras.src.layers.convolutional.base_conv import BaseConv
from keras.src.layers.convolutional.base_conv_transpose import BaseConvTranspose
from keras.src.layers.convolutional.base_depthwise_conv import BaseDepthwiseConv
from keras.src.layers.convolutional.base_separable_conv import BaseSeparableConv
from keras.src.layers.rnn.conv_lstm import ConvLSTMCell

from worker.engine.loading.build import live_operations

FACTOR = 1.2
_LINEAR = (
    *(layers.Dense, layers.EinsumDense, layers.SimpleRNNCell),
    *(BaseConv, BaseConvTranspose, BaseDepthwiseConv, BaseSeparableConv),
)
_LSTM = (layers.LSTMCell, ConvLSTMCell)
_WHY = "hard_sigmoid has another slope since Keras 3 (1/6, not 0.2): "


def keep(model: keras.Model, notes: list[str]) -> bool:
    """Let a model of Keras 2 answer as it did there; True if weights were changed for that."""
    changed, left = False, []
    for operation in live_operations(model):
        gates = _gates(operation)
        if gates is None:
            left.append(operation.name)
        elif gates:
            changed = True
            for variable in _linear_variables(operation):
                _multiply(variable, gates)
    if changed:
        notes.append(
            f"{_WHY}the weights in front of it were multiplied by 1.2, so that the model answers "
            "as before. Its optimizer starts afresh."
        )
    if left:
        notes.append(f"{_WHY}the outputs of {left[0][:80]!r} differ from those in Keras 2.")
    return changed


def _gates(operation: Any) -> list[bool] | None:
    """Which equal parts of the last axis lead into hard_sigmoid; None where that isn't linear."""
    outer = _is_hard(getattr(operation, "activation", None))
    gate = _is_hard(getattr(operation, "recurrent_activation", None))
    if isinstance(operation, _LSTM):  # its activation is applied to the state as well
        found: list[bool] | None = None if outer else [gate, gate, False, gate]
    elif isinstance(operation, layers.GRUCell):
        found = [gate, gate, outer]
    elif isinstance(operation, _LINEAR):
        found = [outer]
    else:
        alone = (
            isinstance(operation, layers.Activation) or "HardSigmoid" in type(operation).__name__
        )
        found = None if alone and (outer or not hasattr(operation, "activation")) else []
    return found if found is None or any(found) else []


def _is_hard(activation: Any) -> bool:
    return activation is keras.activations.hard_sigmoid


def _linear_variables(operation: Any) -> list[Any]:
    separable = isinstance(operation, BaseSeparableConv)
    names = ("pointwise_kernel" if separable else "kernel", "recurrent_kernel", "bias")
    found = [getattr(operation, name, None) for name in names]
    return [variable for variable in found if variable is not None]


def _multiply(variable: Any, gates: list[bool]) -> None:
    value = np.array(variable)
    for part, lies_before in zip(np.split(value, len(gates), axis=-1), gates, strict=True):
        if lies_before:
            part *= value.dtype.type(FACTOR)
    variable.assign(value)
