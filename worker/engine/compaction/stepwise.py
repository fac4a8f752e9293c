"""Run a model operation by operation in another precision, leaving the model as it is.

Only one layer at a time exists in float64, a large one only in parts, so that proving a model takes
little more memory than holding it, and every intermediate tensor is dropped after its last reader.
"""

from __future__ import annotations

import functools
import gc
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.layers.convolutional.base_conv import BaseConv
from keras.src.layers.convolutional.base_conv_transpose import BaseConvTranspose

from worker.engine import masks
from worker.engine.compaction import grouped, parts

_NARROW = ("float16", "bfloat16", "float32", "mixed_float16", "mixed_bfloat16")
_LARGE = 1_000_000
# TensorFlow computes these with channels first on a CPU in float32 at most.
_CHANNELS_LAST_ONLY = (BaseConv, BaseConvTranspose)
_STEPS = {"float64": 2.0**-52, "float32": 2.0**-24, "float16": 2.0**-11, "bfloat16": 2.0**-8}


@dataclass(frozen=True)
class Nudge:
    """Move weights by `units` of their last place in `dtype`, up or down at random.

    What then moves in the outputs is rounding. `only`: ids of the variables; None means all.
    """

    seed: int
    dtype: str | None = "float64"
    only: frozenset[int] | None = None

    def apply(self, variable: Any, value: np.ndarray) -> np.ndarray:
        """The nudged values, in float64."""
        if "float" not in value.dtype.name or not (self.only is None or id(variable) in self.only):
            return value
        step = _STEPS[self.dtype or value.dtype.name]
        signs = np.random.default_rng(self.seed).choice((-1.0, 1.0), value.shape)
        return np.asarray(value.astype(np.float64) * (1 + step * signs))


# Told of every call: its node in the graph, the values that go in, and those that come out.
Watch = Callable[[Any, list[Any], list[Any]], None]


def run(
    model: keras.Model,
    inputs: Sequence[np.ndarray],
    *,
    dtype: str | None = "float64",
    nudge: Nudge | None = None,
    watch: Watch | None = None,
) -> list[np.ndarray]:
    """Flat outputs for flat inputs, in the order of `model.inputs` and `model.outputs`.

    `dtype` None keeps the model's own precision.
    """
    given = [_tensor(value, like, dtype) for value, like in zip(inputs, model.inputs, strict=True)]
    outputs = _Run(dtype, nudge, watch).model(model, given)
    return [np.asarray(keras.ops.convert_to_numpy(output)) for output in outputs]


def _masked_copy(tensor: Any) -> Any:
    """The same tensor; a layer such as attention takes the mask off the one that it is given."""
    mask = getattr(tensor, "_keras_mask", None)
    if mask is None:
        return tensor
    copy = keras.ops.copy(tensor)
    copy._keras_mask = mask
    return copy


def _tensor(value: np.ndarray, like: Any, dtype: str | None) -> Any:
    wide = dtype if dtype and "float" in like.dtype else like.dtype
    return keras.ops.convert_to_tensor(value, dtype=wide)


@dataclass(frozen=True)
class _Run:
    dtype: str | None
    nudge: Nudge | None
    watch: Watch | None

    def model(self, model: Any, inputs: list[Any]) -> list[Any]:
        graph = getattr(model, "_functional", None) or model
        tensors = {id(symbol): value for symbol, value in zip(graph.inputs, inputs, strict=True)}
        nodes = [
            node
            for depth in sorted(graph._nodes_by_depth, reverse=True)
            for node in graph._nodes_by_depth[depth]
            if node.operation and not node.is_input
        ]
        readers = Counter(id(symbol) for node in nodes for symbol in node.input_tensors)
        readers.update(id(symbol) for symbol in graph.outputs)
        for node in nodes:
            args, kwargs = node.arguments.fill_in(tensors)
            given = [_masked_copy(tensors[id(symbol)]) for symbol in node.input_tensors]
            outputs = keras.tree.flatten(self.call(node.operation, args, kwargs))
            if self.watch is not None:
                self.watch(node, given, outputs)
            for symbol, value in zip(node.outputs, outputs, strict=True):
                tensors[id(symbol)] = value
            for symbol in node.input_tensors:
                readers[id(symbol)] -= 1
                if not readers[id(symbol)]:
                    tensors.pop(id(symbol), None)
        return [tensors[id(symbol)] for symbol in graph.outputs]

    def call(self, operation: Any, args: Any, kwargs: Any) -> Any:
        if isinstance(operation, keras.Model):
            inner = getattr(operation, "_functional", None) or operation
            given = keras.tree.flatten(args[0] if args else kwargs["inputs"])
            outputs = self.model(operation, given)
            return keras.tree.pack_sequence_as(inner._outputs_struct, outputs)
        if getattr(operation, "_call_has_training_arg", False):
            kwargs = {**kwargs, "training": False}  # Random layers train unless they are told.
        if grouped.is_depthwise(operation):
            return grouped.run(self._precise(operation), *args)
        if self.dtype is None and self.nudge is None and not _has_channels_first(operation):
            return operation(*args, **kwargs)
        if parts.is_large(operation):
            return parts.run(operation, functools.partial(self._part, operation), args, kwargs)
        twin = _twin(operation, self.dtype, self.nudge)
        if self.dtype is not None and not isinstance(operation, keras.Layer):
            args, kwargs = _cast((args, kwargs), self.dtype)  # Among them may be constants.
        try:
            outputs = twin(*args, **kwargs)
        except (ValueError, TypeError, tf.errors.OpError):
            if getattr(operation, "weights", ()) or self.dtype is None:
                raise
            # What prepares inputs (a spectrogram, say) may know no other precision than its own.
            own = getattr(operation, "compute_dtype", keras.config.floatx())
            args, kwargs = _cast((args, kwargs), own)
            return _cast(operation(*args, **kwargs), self.dtype)
        if isinstance(twin, keras.Layer) and twin.count_params() > _LARGE:
            del twin
            gc.collect()  # Keras layers are circles of references: they would pile up.
        return outputs

    def _precise(self, layer: Any) -> Any:
        if self.dtype is None and self.nudge is None:
            return layer
        return _twin(layer, self.dtype, self.nudge)

    def _part(self, layer: Any, part: slice) -> Any:
        nudge = self.nudge and replace(self.nudge, seed=self.nudge.seed + part.start)
        return _twin(layer, self.dtype, nudge, part)


def call(operation: Any, args: Any, kwargs: Any, dtype: str | None = None) -> list[Any]:
    """One call of an operation that is no model, in another precision; flat outputs."""
    return list(keras.tree.flatten(_Run(dtype, None, None).call(operation, args, kwargs)))


def _twin(operation: Any, dtype: str | None, nudge: Nudge | None, part: slice | None = None) -> Any:
    """The same operation in another precision; `part`: some of its outputs alone."""
    if type(operation) is keras.layers.MaxPooling3D and dtype == "float64":
        return functools.partial(_max_pool_3d, operation)
    if not isinstance(operation, keras.Layer):
        config = operation.get_config()
        edited = widened(config, dtype)
        return operation if edited == config else type(operation).from_config(edited)
    config, build = widened(operation.get_config(), dtype), operation.get_build_config()
    turned = _has_channels_first(operation)
    if turned:
        config["data_format"] = "channels_last"
        build = {"input_shape": _channels_last(build["input_shape"])}
    if part is not None:
        config = parts.config_of(operation, config, part)
    twin = type(operation).from_config(config)
    if not twin.built and build:
        twin.build_from_config(build)
    for new, old in zip(twin.weights, operation.weights, strict=True):
        given = masks.view(old) if part is None else masks.view(old)[..., part]
        if nudge is None:
            new.assign(keras.ops.cast(given, new.dtype))
            continue
        value = nudge.apply(old, given)
        new.assign(value.astype(new.dtype) if value.dtype != new.dtype else value)
    if isinstance(twin, keras.layers.Normalization):
        twin.finalize_state()
    return functools.partial(_turned, operation, twin) if turned else twin


def _cast(values: Any, dtype: str) -> Any:
    """Floating tensors in another precision, whatever they are nested in."""

    def cast(leaf: Any) -> Any:
        floating = "float" in str(getattr(leaf, "dtype", ""))
        return keras.ops.cast(leaf, dtype) if floating else leaf

    return keras.tree.map_structure(cast, values)


def _has_channels_first(operation: Any) -> bool:
    known = isinstance(operation, _CHANNELS_LAST_ONLY)
    return known and operation.data_format == "channels_first"


def _channels_last(shape: Sequence[int | None]) -> list[int | None]:
    return [shape[0], *shape[2:], shape[1]]


def _turned(layer: Any, twin: Any, x: Any, **_: Any) -> Any:
    """Convolve with channels last where they come first; the bias is added as Keras does."""
    use_bias, twin.use_bias, twin.activation = layer.use_bias, False, None
    outputs = keras.ops.moveaxis(twin(keras.ops.moveaxis(x, 1, -1)), -1, 1)
    if use_bias:
        outputs = keras.ops.add(outputs, keras.ops.reshape(twin.bias, (1, -1) + (1,) * layer.rank))
    return outputs if layer.activation is None else layer.activation(outputs)


def _widened_entry(key: str, value: Any, dtype: str) -> Any:
    if key in ("dtype", "output_dtype") and value in _NARROW:
        return dtype
    if key.endswith("_initializer"):
        return "zeros"  # Values are assigned anyway: draw none.
    return widened(value, dtype)


def widened(config: Any, dtype: str | None) -> Any:
    """A configuration with every floating dtype and dtype policy replaced."""
    if dtype is None:
        return config
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            narrow = config["config"]["name"] in _NARROW
            return {**config, "config": {"name": dtype}} if narrow else config
        return {key: _widened_entry(key, value, dtype) for key, value in config.items()}
    if isinstance(config, list):
        return [widened(item, dtype) for item in config]
    if isinstance(config, tuple):
        return tuple(widened(item, dtype) for item in config)
    return config


def _max_pool_3d(layer: Any, x: Any) -> Any:
    """TensorFlow has no float64 kernel for it on the CPU: pool over two axes, then the third."""
    if layer.data_format != "channels_last":
        raise ValueError(f"{layer.data_format}: no float64 pooling in three dimensions")
    _, depth, height, width, channels = x.shape
    pool, strides, padding = layer.pool_size, layer.strides, layer.padding
    flat = keras.ops.reshape(x, (-1, height, width, channels))
    flat = keras.ops.max_pool(flat, pool[1:], strides[1:], padding)
    height, width = flat.shape[1:3]
    deep = keras.ops.reshape(flat, (-1, depth, height * width, channels))
    deep = keras.ops.max_pool(deep, (pool[0], 1), (strides[0], 1), padding)
    return keras.ops.reshape(deep, (-1, deep.shape[1], height, width, channels))
