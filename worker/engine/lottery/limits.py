"""The limit as it is judged: on validation examples, and where those are few, on training ones too.

On validation a level is held against the dense model on the same examples, with half a standard
error of the difference to spare (`objectives` says why).

40 examples cannot show a drop of a point: a level may pass on them by luck and be 15 points worse.
A network that also lost what the dense one knew of its training examples is not passed, unless it
knows them as well as the dense one knew the examples it had not seen (to half a standard error: of
few examples that figure itself is luck): what a large network learned by heart is no loss.
"""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from prunery.specs.report import Interval
from worker.engine import evaluation
from worker.engine.datasets import Split
from worker.engine.evaluation import Metric, formulas
from worker.engine.evaluation.metrics import Arrays, Rows
from worker.engine.lottery.bench import Bench
from worker.engine.lottery.judging import metric_interval, predictions
from worker.engine.lottery.objectives import DOUBT, Limit

# Fewer validation examples than this show no drop of about a point and a half (95% of the time):
# 500 passed a drop of four.
FEW = 2000
# Of the limit: how far below the dense model's figure on unseen examples a network may lie on those
# it was trained on, where its own is a little too kind.
SHARE = 0.5
CLASSIFYING = ("binary", "multiclass")


def settle(bench: Bench, dense_metric: float | None) -> None:
    """Note the limits; `bench.model` must hold the dense model's trained weights."""
    metric, allowed = bench.metric, bench.recipe.objective.max_metric_drop
    if allowed is not None and metric is None:
        why = "There are no labels to judge by: the limit was not applied, every round was done."
        bench.reporter.warn("limit_not_judged", why)
    if metric is None or dense_metric is None or allowed is None:
        bench.facts["limit"] = Limit(dense_metric or 0.0, None, True, False)
        return
    up, relative = metric.higher_is_better, not metric.is_bounded
    bench.facts["limit"] = Limit(dense_metric, allowed, up, relative)
    bench.facts["dense_rows"] = _rows(bench, metric, bench.model)
    if _few(bench):
        known = Limit(_on_training(bench, bench.model), allowed, up, relative)
        found = metric_interval(bench, bench.model, bench.judged_split)
        unseen = Limit(surely(dense_metric, found, up), SHARE * allowed, up, relative)
        worst = (min if up else max)(known.worst, unseen.worst)
        bench.facts["training_limit"] = Limit(worst, 0.0, up, relative)
        assert bench.dataset is not None
        bench.reporter.decide(
            "objective.max_metric_drop",
            "judged on validation and on training examples",
            _why_few(metric, bench.dataset.validation),
        )


def holds(bench: Bench, model: keras.Model, value: float | None) -> bool:
    """Whether a level's network stays within the limit; `value` is its validation metric."""
    limit: Limit | None = bench.facts.get("limit")
    if (
        limit is not None
        and limit.drop is not None
        # Its error last: of some figures that takes hundreds of draws.
        and not (limit.holds(value) and limit.holds(value, _error(bench, model)))
    ):
        return False
    second: Limit | None = bench.facts.get("training_limit")
    return second is None or second.holds(_on_training(bench, model))


def surely(value: float, found: Interval | None, higher_is_better: bool) -> float:
    """A figure, worse by half its standard error; as it is where none can be told."""
    if found is None or not np.isfinite([found.low, found.high]).all():
        return value
    error = DOUBT * (found.high - found.low) / (2 * 1.96)
    return value - error if higher_is_better else value + error


def _error(bench: Bench, model: keras.Model) -> float:
    """The standard error of a network's loss against the dense model."""
    assert bench.metric is not None
    rows = _rows(bench, bench.metric, model)
    seed = bench.seed_for("interval")
    return evaluation.standard_error(bench.metric, bench.facts["dense_rows"], rows, seed)


def _rows(bench: Bench, metric: Metric, model: keras.Model) -> Rows:
    split = bench.judged_split
    return metric.prepare(split.y, predictions(bench, model, split))


def _few(bench: Bench) -> bool:
    assert bench.dataset is not None
    assert bench.metric is not None
    held_out = bench.dataset.validation
    return bench.trains and len(held_out) > 0 and telling(bench.metric, held_out.y) < FEW


def _why_few(metric: Metric, held_out: Split) -> str:
    count, told = len(held_out), telling(metric, held_out.y)
    if told < count:
        return f"Too few of the {count} validation examples are of the rarest class to show a drop."
    return f"{count} validation examples alone cannot show such a drop."


def telling(metric: Metric, y: Arrays) -> int:
    """How many examples say something of the figure: where all classes weigh alike, those of the
    rarest, times the classes."""
    if metric.name not in ("auc", "balanced_accuracy") or metric.task not in CLASSIFYING:
        return len(next(iter(y.values())) if isinstance(y, Mapping) else y)
    labels, _ = metric.pair(y, y)
    counts = np.unique(formulas.true_classes(labels, labels.shape[-1]), return_counts=True)[1]
    return int(len(counts) * counts.min())


def _on_training(bench: Bench, model: keras.Model) -> float:
    assert bench.dataset is not None
    assert bench.metric is not None
    split = bench.dataset.train
    return float(bench.metric.value(split.y, predictions(bench, model, split)))
