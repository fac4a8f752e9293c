"""A batch for the criteria that look at data, and the loss they differentiate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.trainers.compile_utils import CompileLoss

from worker.engine.arrays import Arrays
from worker.engine.calling import flat_inputs, flat_labels, pack_inputs, scaled
from worker.engine.lottery.bench import Bench
from worker.engine.pruning.context import Context

EXAMPLES = 256


def criterion_context(bench: Bench, values: Arrays, initial: Arrays | None, seed: int) -> Context:
    """What a criterion may look at; the batch is drawn from training examples by `seed`."""
    batch = loss = None
    if bench.dataset is not None and len(bench.dataset.train):
        batch = _batch(bench, seed)
        loss = loss_function(bench) if batch[1] is not None and bench.loss is not None else None
    return Context(
        model=bench.model,
        values=values,
        keys=tuple(bench.prunable),
        initial=initial,
        batch=batch,
        loss=loss,
        seed=seed,
    )


def loss_function(bench: Bench) -> Callable[[Any, Any], Any]:
    """The training loss as a function of labels and outputs, several outputs added up by weight."""
    names = [end.name for end in bench.summary.outputs]
    compiled = CompileLoss(bench.loss, bench.facts.get("loss_weights"), output_names=names)

    def loss(labels: Any, outputs: Any) -> Any:
        flat = keras.tree.flatten(outputs)
        return compiled(labels, flat if len(flat) > 1 else flat[0])

    return loss


def _batch(bench: Bench, seed: int) -> tuple[Any, Any]:
    assert bench.dataset is not None
    split = bench.dataset.train
    generator = np.random.default_rng(seed)
    chosen = np.sort(generator.permutation(len(split))[:EXAMPLES])
    inputs = [tf.constant(a[chosen]) for a in flat_inputs(bench.model, split.x)]
    inputs = scaled(bench.model, inputs, bench.dataset.scale)
    inputs = [tf.cast(v, t.dtype) for v, t in zip(inputs, bench.model.inputs, strict=True)]
    labels = [tf.constant(a[chosen]) for a in flat_labels(bench.model, split.y)]
    packed = pack_inputs(bench.model, inputs)
    return packed, (labels if len(labels) > 1 else labels[0]) if labels else None
