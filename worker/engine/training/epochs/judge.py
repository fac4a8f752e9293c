"""What validation says of the model as it stands: loss and metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.trainers.compile_utils import CompileLoss

from worker.engine.calling import Scale, Split, as_labels, flat_labels, functional, output_names
from worker.engine.evaluation import MeanSkill, Metric, predict

_ROWS = 4096


@dataclass
class Judge:
    """`gauge` tells which epoch is best, None: the loss. Without examples nothing is judged."""

    split: Split | None
    scale: Scale | None
    metric: Metric | None
    loss: Any
    loss_weights: Any = None
    gauge: Metric | MeanSkill | None = None
    _compiled: Any = None

    @property
    def has_examples(self) -> bool:
        return self.split is not None and len(self.split) > 0 and bool(self.split.y)

    @property
    def higher_is_better(self) -> bool:
        return self.gauge is not None and self.gauge.higher_is_better

    def judge(self, model: keras.Model) -> tuple[float, float | None, float]:
        """The metric, the loss (None where the model has none) and the figure that decides."""
        if self.split is None:
            return float("nan"), None, float("nan")
        predictions = predict(model, self.split, self.scale)
        loss = None if self.loss is None else self._mean_loss(model, self.split, predictions)
        if self.metric is None:
            value = float("nan") if loss is None else loss
            return value, loss, value
        value = self.metric.value(self.split.y, predictions)
        if self.gauge is None or self.gauge is self.metric:
            return value, loss, value
        return value, loss, self.gauge.value(self.split.y, predictions)

    def _mean_loss(self, model: keras.Model, split: Split, predictions: Any) -> float:
        struct = functional(model)._outputs_struct
        outputs = list(predictions.values()) if isinstance(predictions, dict) else [predictions]
        labels = flat_labels(model, split.y)
        if self._compiled is None:
            names = output_names(model)
            self._compiled = CompileLoss(self.loss, self.loss_weights, output_names=names)
        total, count = 0.0, len(split)
        for start in range(0, count, _ROWS):
            rows = slice(start, start + _ROWS)
            told = keras.tree.pack_sequence_as(struct, [tf.constant(o[rows]) for o in outputs])
            truth = keras.tree.pack_sequence_as(
                struct, [as_labels(np.asarray(y[rows])) for y in labels]
            )
            total += float(self._compiled(truth, told)) * len(outputs[0][rows])
        return total / count
