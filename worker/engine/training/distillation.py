"""Learn from a teacher's outputs (Hinton et al. 2015, arXiv:1503.02531), with or without labels.

The teacher is asked once, before training; its outputs travel with the examples.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from worker.engine.calling import Scale, Split, output_names
from worker.engine.evaluation import predict
from worker.engine.training.plan import TrainingPlan

OutputKind = Literal["softmax", "softmax_logits", "sigmoid", "sigmoid_logits", "values"]
_SMALLEST = 1e-7


@dataclass(frozen=True)
class Teaching:
    """`share` of the teacher in the loss, and what each output is."""

    share: float
    temperature: float
    kinds: tuple[OutputKind, ...]

    def loss(self, outputs: list[Any], taught: list[Any], weights: list[Any] | None) -> Any:
        """Mean over the batch of the distance between student and teacher, all outputs summed."""
        total = tf.zeros((), tf.float32)
        for index, (kind, student, teacher) in enumerate(
            zip(self.kinds, outputs, taught, strict=True)
        ):
            distance = self._distance(kind, tf.cast(student, tf.float32), teacher)
            if weights is not None:
                extra = [1] * (len(distance.shape) - 1)
                distance *= tf.reshape(tf.cast(weights[index], tf.float32), [-1, *extra])
            total += tf.reduce_mean(distance)
        return self.share * total

    def _distance(self, kind: OutputKind, student: Any, teacher: Any) -> Any:
        heat = self.temperature
        if kind == "values":
            return tf.reduce_mean(tf.square(student - teacher), axis=-1)
        student, teacher = logits(kind, student) / heat, logits(kind, teacher) / heat
        if kind.startswith("softmax"):
            target = tf.nn.softmax(teacher)
            surprise = tf.nn.log_softmax(teacher) - tf.nn.log_softmax(student)
            return tf.reduce_sum(target * surprise, axis=-1) * heat**2
        target = tf.sigmoid(teacher)
        cross = tf.nn.sigmoid_cross_entropy_with_logits(target, student)
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(target, teacher)
        return tf.reduce_mean(cross - entropy, axis=-1) * heat**2


def logits(kind: OutputKind, value: Any) -> Any:
    """Undo the last activation; softmax only up to a constant, which softmax forgets."""
    if kind == "softmax":
        return tf.math.log(tf.clip_by_value(value, _SMALLEST, 1.0))
    if kind == "sigmoid":
        inside = tf.clip_by_value(value, _SMALLEST, 1.0 - _SMALLEST)
        return tf.math.log(inside) - tf.math.log1p(-inside)
    return value


def output_kind(values: np.ndarray, loss: Any) -> OutputKind:
    """Tell what an output is from the teacher's outputs and, for logits, the loss's name."""
    name = loss_name(loss)
    values = np.asarray(values, np.float32)
    if values.shape[-1] > 1 and values.min() >= 0 and np.allclose(values.sum(-1), 1, atol=1e-3):
        return "softmax"
    if "binary" in name:
        return "sigmoid" if values.min() >= 0 and values.max() <= 1 else "sigmoid_logits"
    if "categorical" in name:
        return "softmax_logits"
    return "values"


def loss_name(loss: Any) -> str:
    """A loss's name in snake case, however it was given; empty for None."""
    if loss is None:
        return ""
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def teach(
    teacher: keras.Model, split: Split, scale: Scale | None, plan: TrainingPlan
) -> tuple[Teaching, list[np.ndarray]]:
    """Ask the teacher about every example, once."""
    told = predict(teacher, split, scale)
    names = list(told) if isinstance(told, dict) else output_names(teacher)
    outputs = list(told.values()) if isinstance(told, dict) else [told]
    kinds = tuple(
        output_kind(values, loss_of(plan.loss, name, index))
        for index, (name, values) in enumerate(zip(names, outputs, strict=True))
    )
    return Teaching(plan.distillation, plan.temperature, kinds), outputs


def loss_of(loss: Any, name: str, index: int) -> Any:
    """The loss of one output, of what `compile` takes; None where it has none."""
    if isinstance(loss, dict):
        return loss.get(name)
    return loss[index] if isinstance(loss, (list, tuple)) else loss
