"""What each output is asked: its task, loss and metric, with the why of what was left open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from prunery.screening.asked import learns_from_dense
from prunery.specs.errors import PruneryError
from prunery.specs.metrics import FITTING, canonical
from prunery.specs.report import Task
from worker.engine import evaluation
from worker.engine.datasets import Dataset
from worker.engine.evaluation import Metric
from worker.engine.loading.compiling import metrics_of
from worker.engine.lottery.bench import Bench
from worker.engine.lottery.settling import balance, class_weighting, losses
from worker.engine.training.distillation import loss_of


def settle(bench: Bench) -> None:
    """Task, loss, metrics and class weights; those of the first output are the job's.

    Raises `dataset_mismatch` where there is nothing to learn from.
    """
    dataset, recipe = bench.dataset, bench.recipe
    assert dataset is not None
    labelled = dataset.labels != "none" or dataset.is_autoencoder
    if not labelled:
        if recipe.training.epochs != 0 and not learns_from_dense(recipe):
            raise PruneryError(
                "dataset_mismatch",
                "The dataset has no labels, so nothing can be trained on it.",
                hint="Add labels in an array named y (y_train), or, for a trained model, set start "
                'to "trained" and training.distillation to 1: it then learns from the dense model.',
            )
        bench.task = Task(kind=dataset.task)
        return
    bench.loss, why_loss = losses.settle_loss(
        recipe.training.loss, bench.loaded.compile_config, dataset, bench.summary.outputs
    )
    bench.loss, bench.facts["loss_weights"] = losses.settle_weights(
        bench.loss, bench.loaded.compile_config, bench.summary.outputs
    )
    if recipe.training.loss == "auto":
        bench.reporter.decide("training.loss", _name(bench.loss), why_loss)
        _warn_of_logits(bench)
    bench.metrics = _metrics(bench, dataset)
    metric = bench.metrics[0]
    if recipe.training.metric == "auto":
        chosen = ", ".join(f"{one.output}: {one.name}" for one in bench.metrics if one.output)
        whys = dict.fromkeys(one.why for one in bench.metrics)
        bench.reporter.decide("training.metric", chosen or metric.name, " ".join(whys))
    bench.task = task_of(bench, metric)
    bench.facts["class_weight"] = class_weighting.settle(bench)


def _warn_of_logits(bench: Bench) -> None:
    """A model compiled without `from_logits` whose last layer has no activation learns little."""
    for index, end in enumerate(bench.summary.outputs):
        loss = loss_of(bench.loss, end.name, index)
        if bench.trains and loss is not None and losses.wants_shares(loss, end):
            name = _name(loss)
            bench.reporter.warn(
                "logits",
                f"The output {end.name} gives plain numbers, and {name} takes shares from 0 to 1, "
                "so that little can be learned. Name it in training.loss, and it is taken as "
                "Keras' from_logits=True; or end the model in a softmax or sigmoid.",
            )


def task_of(bench: Bench, metric: Metric) -> Task:
    """What the report says of the output that a metric looks at."""
    assert bench.dataset is not None
    names = [end.name for end in bench.summary.outputs]
    name = metric.output or names[0]
    return Task(
        kind=metric.task,
        loss=_name(loss_of(bench.loss, name, names.index(name))),
        metric=metric.name,
        metric_higher_is_better=metric.higher_is_better,
        drop_is_relative=not metric.is_bounded,
        why_metric=metric.why,
        classes=bench.dataset.classes_of.get(name),
    )


def _metrics(bench: Bench, dataset: Dataset) -> tuple[Metric, ...]:
    """The metric of each output that is trained, or of all where nothing is.

    The recipe's is the first one's, and others' where it fits.
    """
    names = [end.name for end in bench.summary.outputs]
    compiled = metrics_of(bench.loaded.compile_config or {}, names)
    asked = bench.recipe.training.metric
    loss_by = {name: loss_of(bench.loss, name, index) for index, name in enumerate(names)}
    some_train = bench.trains and any(loss is not None for loss in loss_by.values())
    found: list[Metric] = []
    for name, loss in loss_by.items():
        if name not in dataset.task_of or (loss is None and some_train):
            continue  # what no loss asks anything of has nothing to lose
        kind = dataset.task_of[name]
        fits = not found or canonical(asked) in FITTING[kind]
        metric = evaluation.choose_metric(
            kind,
            compiled[name],
            asked if fits else "auto",
            balance.counts(dataset, name),
            loss=loss,
        )
        found.append(replace(metric, output=name) if len(names) > 1 else metric)
    return tuple(found)


def _name(loss: Any) -> str:
    if loss is None:
        return "none"
    if isinstance(loss, dict):
        return ", ".join(f"{key}: {_name(value)}" for key, value in loss.items())
    if isinstance(loss, list | tuple):
        return ", ".join(_name(value) for value in loss)
    return loss if isinstance(loss, str) else str(getattr(loss, "name", None) or loss.__name__)
