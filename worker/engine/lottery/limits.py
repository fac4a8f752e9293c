"""The limit as it is judged: on validation examples, and where those are few, on training ones too.

40 examples cannot show a drop of a point: a level may pass on them by luck and be 15 points worse.
A network that also lost what the dense one knew of its training examples is not passed, unless it
knows them as well as the dense one knew the examples it had not seen: what a large network learned
by heart is no loss.
"""

from __future__ import annotations

import keras

from worker.engine.lottery.bench import Bench
from worker.engine.lottery.judging import predictions
from worker.engine.lottery.objectives import Limit

# Fewer validation examples than this show no drop of about three points (95% of the time).
FEW = 400
# Training examples are known by heart: there the dense model is ahead of any smaller one.
LENIENCE = 2.0


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
    if _few(bench):
        known = Limit(_on_training(bench, bench.model), LENIENCE * allowed, up, relative)
        worst = (min if up else max)(known.worst, dense_metric)
        bench.facts["training_limit"] = Limit(worst, 0.0, up, relative)
        assert bench.dataset is not None
        bench.reporter.decide(
            "objective.max_metric_drop",
            "judged on validation and on training examples",
            f"{len(bench.dataset.validation)} validation examples alone cannot show such a drop.",
        )


def holds(bench: Bench, model: keras.Model, value: float | None) -> bool:
    """Whether a level's network stays within the limit; `value` is its validation metric."""
    limit: Limit | None = bench.facts.get("limit")
    if limit is not None and not limit.holds(value):
        return False
    second: Limit | None = bench.facts.get("training_limit")
    return second is None or second.holds(_on_training(bench, model))


def _few(bench: Bench) -> bool:
    assert bench.dataset is not None
    return bench.trains and 0 < len(bench.dataset.validation) < FEW


def _on_training(bench: Bench, model: keras.Model) -> float:
    assert bench.dataset is not None
    assert bench.metric is not None
    split = bench.dataset.train
    return float(bench.metric.value(split.y, predictions(bench, model, split)))
