"""One training step as a graph: forward, loss, backward, update, and the mask within."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.trainers.compile_utils import CompileLoss

from worker.engine import masks as masks_module
from worker.engine.arrays import Arrays
from worker.engine.calling import (
    Scale,
    as_labels,
    functional,
    output_names,
    pack_inputs,
    scaled,
)
from worker.engine.training import distillation
from worker.engine.training.compiled.precision import computed_in
from worker.engine.training.slots import (
    innermost,
    is_elementwise,
    optimizer_keys,
    slots_at_weights,
    slots_of,
)
from worker.engine.training.state import matching


@dataclass(frozen=True)
class Layout:
    """What the flat tensors of a batch are: inputs, labels (their shapes), then these extras."""

    inputs: int
    labels: tuple[tuple[int, ...], ...]
    weighted: bool = False
    taught: int = 0


@dataclass
class Step:
    """Everything that one step touches. `masks` and `averages` are variables, set from outside."""

    model: keras.Model
    optimizer: Any
    loss: Any
    loss_weights: Any
    layout: Layout
    scale: Scale | None
    masked: tuple[str, ...] = ()
    ema: float | None = None
    teaching: distillation.Teaching | None = None
    rate_factors: tuple[float, ...] = (1.0,)
    precision: str = "from model"
    masks: dict[str, Any] = field(default_factory=dict)
    averages: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        weights = masks_module.variable_keys(self.model)
        self._trained = list(self.model.trainable_variables)
        if not self.optimizer.built:
            self.optimizer.build(self._trained)
        self.masks = {
            key: tf.Variable(tf.ones(weights[key].shape, tf.bool), trainable=False)
            for key in self.masked
        }
        self._mask_of = {id(weights[key]): mask for key, mask in self.masks.items()}
        self._slots = [
            (slot, self._mask_of[id(weight)])
            for slot, weight in slots_of(self.optimizer, self.model)
            if id(weight) in self._mask_of
        ]
        named = optimizer_keys(self.optimizer, self.model)
        self._starts = {key: starting(slot) for key, slot in named.items()}
        self._starts_of = {id(slot): self._starts[key] for key, slot in named.items()}
        if self.ema is not None:
            self.averages = [tf.Variable(v.value, trainable=False) for v in self._trained]
        self._loss = self._build_loss()

    def run(self, tensors: list[Any], rate: Any, step: Any) -> Any:
        """Train on one batch; `step` counts from the run's start. Returns the loss, float32."""
        for optimizer, factor in zip(innermost(self.optimizer), self.rate_factors, strict=True):
            optimizer._learning_rate.assign(rate * factor)
        with tf.GradientTape() as tape:
            loss = self._total_loss(tensors)
            goal = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(goal, [variable.value for variable in self._trained])
        pairs = [
            (self._masked_gradient(g, v), v)
            for g, v in zip(gradients, self._trained, strict=True)
            if g is not None
        ]
        if pairs:
            used_gradients, used = zip(*pairs, strict=True)
            self.optimizer.apply(list(used_gradients), list(used))
        self._hold_masks()
        if not is_elementwise(self.optimizer):
            self._hold_slots()
        self._average(step)
        return tf.cast(loss, tf.float32)

    def reset(self, slots: Arrays | None) -> None:
        """Before the first step: fresh or given slots, averages at the weights, masks in force."""
        self._hold_masks()
        named = optimizer_keys(self.optimizer, self.model)
        values = self._starts if slots is None else self._starts | matching(slots, named)
        for key, variable in named.items():
            variable.assign(values[key])
        if slots is None:
            for slot, weight in slots_at_weights(self.optimizer):
                slot.assign(weight)
        self._hold_slots()
        if self.ema is not None:
            for average, variable in zip(self.averages, self._trained, strict=True):
                average.assign(variable.value)

    def _total_loss(self, tensors: list[Any]) -> Any:
        layout = self.layout
        inputs = scaled(self.model, tensors[: layout.inputs], self.scale)
        first_extra = layout.inputs + len(layout.labels)
        labels = [as_labels(value) for value in tensors[layout.inputs : first_extra]]
        extras = tensors[first_extra:]
        weights = self._weights(extras[0]) if layout.weighted else None
        # Only while this is traced: whoever else calls the model gets it as it is.
        with computed_in(self.model, self.precision):
            outputs = self.model(pack_inputs(self.model, inputs), training=True)
        parts = []
        if self._loss is not None and labels:
            packed = None if weights is None else keras.tree.pack_sequence_as(outputs, weights)
            hard = self._loss(keras.tree.pack_sequence_as(outputs, labels), outputs, packed)
            share = self.teaching.share if self.teaching else 0.0
            parts.append(hard * (1.0 - share) if share else hard)
        if self.teaching is not None:
            taught = extras[int(layout.weighted) :]
            parts.append(self.teaching.loss(keras.tree.flatten(outputs), taught, weights))
        parts.extend(tf.reduce_sum(tf.cast(extra, tf.float32)) for extra in self.model.losses)
        return tf.add_n([tf.cast(part, tf.float32) for part in parts])

    def _weights(self, given: Any) -> list[Any]:
        """The weight of each example for each output: (N,), or one column an output."""
        count = len(self.layout.labels)
        return [given] if count < 2 else [given[:, index] for index in range(count)]

    def _masked_gradient(self, gradient: Any, variable: Any) -> Any:
        """Cut masked entries out, or they would count in norms, factors and moments."""
        mask = self._mask_of.get(id(variable))
        if mask is None:
            return gradient
        gradient = tf.convert_to_tensor(gradient)
        return tf.where(mask, gradient, tf.zeros_like(gradient))

    def _hold_masks(self) -> None:
        for variable in self._trained:
            mask = self._mask_of.get(id(variable))
            if mask is not None:
                variable.assign(tf.where(mask, variable.value, tf.zeros_like(variable.value)))

    def _hold_slots(self) -> None:
        for slot, mask in self._slots:
            start = tf.cast(start_of(self._starts_of[id(slot)]), slot.dtype)
            slot.assign(tf.where(mask, slot.value, start))

    def _average(self, step: Any) -> None:
        if self.ema is None:
            return
        # Short at first, or the average would drag the untrained weights along.
        count = tf.cast(step, tf.float32)
        keep = tf.minimum(self.ema, (1.0 + count) / (10.0 + count))
        for average, variable in zip(self.averages, self._trained, strict=True):
            gap = (variable.value - average) * tf.cast(1.0 - keep, average.dtype)
            average.assign_add(gap)

    def _build_loss(self) -> Any:
        if self.loss is None or not self.layout.labels:
            return None
        loss = CompileLoss(self.loss, self.loss_weights, output_names=output_names(self.model))
        # Built here: with several outputs it makes variables, which no loop body may do.
        outputs = functional(self.model)._outputs_struct
        labels = [keras.KerasTensor((None, *shape)) for shape in self.layout.labels]
        loss.build(keras.tree.pack_sequence_as(outputs, labels), outputs)
        return loss


def starting(slot: Any) -> np.ndarray:
    """What a new slot holds; of one that holds the same everywhere, broadcast from one entry."""
    value = np.array(slot.numpy())
    if value.size and (value == value.flat[0]).all():
        return np.broadcast_to(value.flat[0], value.shape)
    return value


def start_of(value: np.ndarray) -> float:
    """The start of a masked weight's slot: 0 for most, 0.1 for Ftrl and Adagrad.

    Where slots begin at the weights (ScheduleFreeAdamW) a masked one begins at 0, as its weight.
    """
    uniform = value.size and all(stride == 0 for stride in value.strides)
    return float(value.flat[0]) if uniform else 0.0
