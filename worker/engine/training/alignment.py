"""Train a net of odd widths as one of even widths: the units added are zero and stay zero.

A CPU multiplies matrices in blocks of 16 columns. What pruning leaves (123 units, 61) fills them
badly: 123-61 took 0.32 s an epoch where 128-64 took 0.24 (`benchmarks/training.py`). So hidden
dense layers are widened while they train. An added unit has weights of 0 on both sides; its
activation is f(0) = 0, hence every gradient that concerns it is 0, and an optimizer that works
entry by entry leaves it at 0. What is handed back is cut to the old widths: no bit of the training
depends on the units that were added, but for the order in which a product is summed.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from worker.engine import masks as masks_module
from worker.engine.arrays import Arrays
from worker.engine.assets import copy_assets
from worker.engine.calling import functional
from worker.engine.masks import Masks
from worker.engine.training.plan import Trained, TrainingPlan
from worker.engine.training.slots import innermost
from worker.engine.training.state import State, weight_key

BLOCK, HALF_BLOCK = 16, 8
_MOST_GROWTH = 1.3
_MOST_PARAMETERS = 4_000_000
_layers = keras.layers
# Functions that are 0 at 0.
_ACTIVATIONS = frozenset(
    {"linear", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "softsign", "relu6"}
)
# What may stand between two dense layers: 0 in, 0 out.
_BETWEEN = (_layers.Dropout, _layers.ReLU, _layers.LeakyReLU, _layers.ELU, _layers.Activation)
# Their slots of a weight whose gradient is always 0 stay 0, and 0 moves nothing.
_OPTIMIZERS = frozenset({"SGD", "Adam", "AdamW", "RMSprop", "Adamax", "Nadam", "Lion"})


def aligned_width(units: int) -> int:
    """The next multiple of 16, or of 8 where that would add more than three tenths."""
    wide = -(-units // BLOCK) * BLOCK
    return wide if wide <= _MOST_GROWTH * units else -(-units // HALF_BLOCK) * HALF_BLOCK


@dataclass(frozen=True)
class Aligned:
    """`model` is the wide one; shapes are those of the weights that differ: (narrow, wide)."""

    model: keras.Model
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]

    def widen(self, state: State) -> State:
        """The state with zeros in the added units."""
        return self._mapped(state, lambda value, wide, _: _padded(value, wide), 0)

    def narrow(self, state: State) -> State:
        """The state without the added units."""
        return self._mapped(state, lambda value, _, narrow: _corner(value, narrow), 1)

    def widen_masks(self, masks: Masks) -> Masks:
        """False where there was no weight."""
        return {
            key: _padded(mask, self.shapes[key][1]) if key in self.shapes else mask
            for key, mask in masks.items()
        }

    def narrow_result(self, trained: Trained) -> Trained:
        snapshots = {step: self.narrow(state) for step, state in trained.snapshots.items()}
        return replace(trained, state=self.narrow(trained.state), snapshots=snapshots)

    def _mapped(self, state: State, change: Any, side: int) -> State:
        def changed(key: str, value: np.ndarray) -> np.ndarray:
            if key not in self.shapes or value.shape != self.shapes[key][side]:
                return value
            narrow, wide = self.shapes[key]
            return change(value, wide, narrow)

        slots: Arrays | None = None
        if state.optimizer is not None:
            slots = {
                name: changed(weight_key(name, state.weights), value)
                for name, value in state.optimizer.items()
            }
        weights = {key: changed(key, value) for key, value in state.weights.items()}
        return replace(state, weights=weights, optimizer=slots)


def aligned(model: keras.Model, plan: TrainingPlan) -> Aligned | None:
    """The model widened to even widths; None where that gains nothing or could change anything."""
    if plan.loop not in ("auto", "xla") or tf.config.list_physical_devices("GPU"):
        return None
    if any(type(inner).__name__ not in _OPTIMIZERS for inner in innermost(plan.optimizer)):
        return None
    if model.count_params() > _MOST_PARAMETERS:
        return None
    widths = _widths(functional(model))
    if not widths:
        return None
    drawn = random.getstate()  # new layers draw seeds that nothing uses
    wide = keras.models.clone_model(model, clone_function=lambda layer: _wider(layer, widths))
    random.setstate(drawn)
    ours, theirs = (masks_module.variable_keys(each) for each in (model, wide))
    shapes = {}
    for key, variable in ours.items():
        shape, wider = tuple(variable.shape), tuple(theirs[key].shape)
        if shape == wider:
            theirs[key].assign(variable.value)
        else:
            shapes[key] = shape, wider
    copy_assets(model, wide)
    return Aligned(wide, shapes)


def _widths(net: Any) -> dict[str, int]:
    """The new widths of the layers that may have one, by name; none for a net of shared layers."""
    readers: dict[int, list[Any]] = {}
    nodes = [node for level in net._nodes_by_depth.values() for node in level]
    used = Counter(id(node.operation) for node in nodes)
    for node in nodes:
        for tensor in node.input_tensors:
            readers.setdefault(id(tensor._keras_history.operation), []).append(node.operation)
    for tensor in net.outputs:  # a reader that is no layer
        readers.setdefault(id(tensor._keras_history.operation), []).append(None)
    if max(used.values()) > 1 or any(isinstance(layer, keras.Model) for layer in net.layers):
        return {}
    return {
        layer.name: aligned_width(layer.units)
        for layer in net.layers
        if _may_widen(layer, readers) and aligned_width(layer.units) != layer.units
    }


def _may_widen(layer: Any, readers: dict[int, list[Any]]) -> bool:
    """A dense layer whose units only dense layers read, in ways that keep 0 at 0."""
    return (
        _is_plain_dense(layer)
        and layer.units >= HALF_BLOCK
        and _keeps_zero(layer)
        and _only_dense_reads(layer, readers)
    )


def _only_dense_reads(layer: Any, readers: dict[int, list[Any]]) -> bool:
    found = readers.get(id(layer), [])
    return bool(found) and all(
        _is_plain_dense(reader)
        or (type(reader) in _BETWEEN and _keeps_zero(reader) and _only_dense_reads(reader, readers))
        for reader in found
    )


def _is_plain_dense(layer: Any) -> bool:
    """Constraints and regularizers may couple the entries of a kernel."""
    if type(layer) is not _layers.Dense or layer.lora_enabled:
        return False
    return all(
        getattr(layer, name) is None
        for name in (
            *("kernel_regularizer", "bias_regularizer", "activity_regularizer"),
            *("kernel_constraint", "bias_constraint", "quantization_mode"),
        )
    )


def _keeps_zero(layer: Any) -> bool:
    activation = getattr(layer, "activation", None)
    if activation is None:
        return not isinstance(layer, _layers.ReLU) or not layer.threshold
    return getattr(activation, "__name__", "") in _ACTIVATIONS


def _wider(layer: Any, widths: dict[str, int]) -> Any:
    config = layer.get_config()
    if layer.name in widths:
        config["units"] = widths[layer.name]
    return type(layer).from_config(config)


def _padded(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    room = [(0, wide - own) for own, wide in zip(value.shape, shape, strict=True)]
    return np.pad(value, room)


def _corner(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.ascontiguousarray(value[tuple(slice(size) for size in shape)])
