"""A large layer in another precision, a few of its outputs at a time.

A net may be one layer: in float64 all at once it would be twice the whole model again.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterator
from typing import Any

import keras

# Values of a kernel that are widened at once.
PART = 8_000_000
# By class, the field that counts the outputs, which lie along the kernel's last axis.
OUTPUTS = {
    keras.layers.Dense: "units",
    keras.layers.Conv1D: "filters",
    keras.layers.Conv2D: "filters",
    keras.layers.Conv3D: "filters",
}


def is_large(layer: Any) -> bool:
    """Whether a layer is run in parts: a large kernel whose outputs do not depend on each other."""
    return (
        type(layer) in OUTPUTS
        and math.prod(layer.kernel.shape) > PART
        and len(layer.weights) == 1 + layer.use_bias
        and getattr(layer, "groups", 1) == 1
        and getattr(layer, "data_format", None) != "channels_first"
    )


def run(layer: Any, twin: Callable[[slice], Any], args: Any, kwargs: Any) -> Any:
    """The layer's outputs; `twin(part)` makes the layer of some outputs, without activation."""
    found = []
    for part in _parts(layer):
        found.append(twin(part)(*args, **kwargs))
        gc.collect()  # Keras layers are circles of references: they would pile up.
    outputs = layer.activation(keras.ops.concatenate(found, axis=-1))
    mask = getattr(found[0], "_keras_mask", None)
    if mask is not None:
        outputs._keras_mask = mask
    return outputs


def config_of(layer: Any, config: dict[str, Any], part: slice) -> dict[str, Any]:
    """The configuration of the layer that `run` asks for."""
    return {**config, OUTPUTS[type(layer)]: part.stop - part.start, "activation": "linear"}


def _parts(layer: Any) -> Iterator[slice]:
    total = layer.kernel.shape[-1]
    width = max(1, PART * total // math.prod(layer.kernel.shape))
    for start in range(0, total, width):
        yield slice(start, min(start + width, total))
