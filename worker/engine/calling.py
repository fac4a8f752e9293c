"""Call a model with arrays that go by name: order, structure and scale of inputs and labels."""

from __future__ import annotations

from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf


class Scale(Protocol):
    """How raw inputs become the model's: `x * multiplier + offset` in float32.

    Both are numbers, or one of each channel; `turns` puts the channels in reverse order before.
    """

    @property
    def multiplier(self) -> float | tuple[float, ...]: ...

    @property
    def offset(self) -> float | tuple[float, ...]: ...

    @property
    def turns(self) -> bool: ...


class Split(Protocol):
    """Examples by input and output name; arrays may be memory maps, `y` may be empty."""

    @property
    def x(self) -> dict[str, np.ndarray]: ...

    @property
    def y(self) -> dict[str, np.ndarray]: ...

    def __len__(self) -> int: ...


def input_names(model: keras.Model) -> list[str]:
    """Names of a model's inputs, in order: keys where it takes a dict, else its input layers."""
    return _names(model.inputs, getattr(model, "_inputs_struct", None))


def output_names(model: keras.Model) -> list[str]:
    """Names of a model's outputs, in order: keys where it returns a dict, else the layers."""
    return _names(model.outputs, getattr(model, "_outputs_struct", None))


def _names(tensors: list[Any], struct: Any) -> list[str]:
    keys = {id(tensor): key for key, tensor in struct.items()} if isinstance(struct, dict) else {}
    names: list[str] = []
    for tensor in tensors:
        name = keys.get(id(tensor), tensor._keras_history.operation.name)
        again = names.count(name)
        names.append(f"{name}_{again}" if again else name)
    return names


def flat_inputs(model: keras.Model, x: dict[str, np.ndarray]) -> list[np.ndarray]:
    """The arrays in the order of `model.inputs`."""
    if len(model.inputs) == 1 and len(x) == 1:
        return [next(iter(x.values()))]
    return [x[tensor.name] for tensor in model.inputs]


def flat_labels(model: keras.Model, y: dict[str, np.ndarray]) -> list[np.ndarray]:
    """The arrays in the order of `model.outputs`; empty without labels.

    An output that no loss asks anything of may have none: zeros, (N, 1), keep its place.
    """
    if not y:
        return []
    first = next(iter(y.values()))
    if len(model.outputs) == 1 and len(y) == 1:
        return [first]
    blank = np.zeros((len(first), 1), np.float32)
    return [y.get(name, blank) for name in output_names(model)]


def as_labels(value: Any) -> Any:
    """Whole numbers of any width as int32, which every loss takes."""
    tensor = tf.convert_to_tensor(value)
    return tensor if tensor.dtype.is_floating else tf.cast(tensor, tf.int32)


def pack_inputs(model: keras.Model, flat: list[Any]) -> Any:
    """Give flat inputs the structure the model is called with."""
    struct = getattr(functional(model), "_inputs_struct", None)
    return flat[0] if struct is None else keras.tree.pack_sequence_as(struct, flat)


def scaled(model: keras.Model, flat: list[Any], scale: Scale | None) -> list[Any]:
    """Apply the scale, in float32, to every input that the model takes as a float."""
    if scale is None or (scale.multiplier == 1.0 and scale.offset == 0.0):
        return flat
    return [
        _scaled(tf.cast(value, tf.float32), scale) if "float" in str(tensor.dtype) else value
        for value, tensor in zip(flat, model.inputs, strict=True)
    ]


def _scaled(value: Any, scale: Scale) -> Any:
    turned = value[..., ::-1] if scale.turns else value
    return turned * scale.multiplier + scale.offset


def functional(model: keras.Model) -> Any:
    """The functional model inside a Sequential one, else the model itself."""
    return getattr(model, "_functional", None) or model
