"""The compile configuration that a trained level is handed back with: the user's own."""

from __future__ import annotations

from typing import Any

import keras

from worker.engine.lottery.bench import Bench


def compile_as_trained(bench: Bench, model: keras.Model, optimizer: Any) -> None:
    """Compile `model` as the upload was, with the slots and the step count of its training.

    An upload without a compile configuration, or a recipe with another optimizer or loss, gets what
    it was trained with. The learning rate stays the user's: ours belongs to our schedule.
    """
    config, training = bench.loaded.compile_config, bench.recipe.training
    if config is not None and training.optimizer == "from model" and training.loss == "auto":
        model.compile_from_config(config)
        if model.optimizer is None or type(model.optimizer) is not type(optimizer):
            return
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        _copy_slots(optimizer, model.optimizer)
        return
    model.compile(
        optimizer=optimizer,
        loss=bench.loss,
        loss_weights=bench.facts.get("loss_weights"),
        metrics=_metric_names(bench),
    )


def _copy_slots(source: Any, target: Any) -> None:
    """Both optimizers were built for the same variables, so their slots pair up in order."""
    for ours, theirs in zip(source.variables, target.variables, strict=True):
        if ours.name != "learning_rate" and tuple(ours.shape) == tuple(theirs.shape):
            theirs.assign(ours.value)


def _metric_names(bench: Bench) -> list[Any] | dict[str, list[str]]:
    """What `evaluate` shall tell of the model's output; of several, of each by its name."""
    kinds = {"multiclass": ["accuracy"], "binary": ["accuracy"], "regression": ["mae"]}
    if len(bench.metrics) > 1:
        return {str(one.output): kinds.get(one.task, []) for one in bench.metrics}
    return kinds.get(bench.task.kind, [])
