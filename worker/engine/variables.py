"""Values of variables, taken and put back directly: of a small variable, what Keras and TensorFlow
wrap around reading and assigning takes ten times as long as the copy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from worker.engine.arrays import Arrays


class Held(Mapping[str, np.ndarray]):
    """The values of variables as they are now, by key; assigning to the variables changes none.

    They share the variables' memory until then, so the arrays are not to be written to. What lies
    on a GPU is brought to the host: there is more room.
    """

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self.tensors = {key: _on_host(read(variable)) for key, variable in variables.items()}

    def __getitem__(self, key: str) -> np.ndarray:
        array = np.asarray(self.tensors[key])
        array.flags.writeable = False
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)


def read(variable: Any) -> Any:
    """A variable's value as a tensor, which stays what it is when the variable is assigned to."""
    inner = _inner(variable)
    return tf.raw_ops.ReadVariableOp(resource=inner.handle, dtype=inner.dtype)


def put(variable: Any, value: Any) -> None:
    """Assign an array (copied, in the variable's own type) or a tensor of that type.

    The caller answers for the shape.
    """
    inner = _inner(variable)
    if not tf.is_tensor(value):
        value = tf.constant(np.asarray(value, inner.dtype.as_numpy_dtype))
    tf.raw_ops.AssignVariableOp(resource=inner.handle, value=value)


def put_all(variables: Mapping[str, Any], values: Arrays, what: str) -> None:
    """Assign to each variable the value of its key; raise ValueError, and assign to none, where
    one is missing or has another shape."""
    given: Mapping[str, Any] = values.tensors if isinstance(values, Held) else values
    found = {key: given[key] for key in variables if key in given}
    for key, variable in variables.items():
        if key not in found:
            raise ValueError(f"the state has no {what} {key}")
        if tuple(variable.shape) != tuple(found[key].shape):
            raise ValueError(f"{what} {key} is {variable.shape}, the state's {found[key].shape}")
    for key, variable in variables.items():
        put(variable, found[key])


def _inner(variable: Any) -> Any:
    return variable.value if isinstance(variable, keras.Variable) else variable


def _on_host(tensor: Any) -> Any:
    if "GPU" not in tensor.device:
        return tensor
    with tf.device("CPU:0"):
        return tf.identity(tensor)
