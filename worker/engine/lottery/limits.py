"""The limit as it is judged: on validation examples, and where those are few, on training ones too.

On validation a level is held against the dense model on the same examples, with half a standard
error of the difference to spare (`objectives` says why). Of several outputs each is held to it, by
its own metric.

40 examples cannot show a drop of a point: a level may pass on them by luck and be 15 points worse.
A network that also lost what the dense one knew of its training examples is not passed, unless it
knows them as well as the dense one knew the examples it had not seen (to a standard error: of few
examples that figure is luck, and the best of many epochs): what a large network learned by heart is
no loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np

from prunery.specs.report import Interval
from worker.engine import evaluation
from worker.engine.datasets import Split
from worker.engine.evaluation import Metric, formulas
from worker.engine.evaluation.metrics import Arrays, Rows
from worker.engine.lottery.bench import Bench
from worker.engine.lottery.chance import is_at_chance
from worker.engine.lottery.judging import predictions
from worker.engine.lottery.objectives import Limit

# Fewer validation examples than this show no drop of about a point and a half (95% of the time):
# 500 passed a drop of four.
FEW = 2000
# Of the limit: how far below the dense model's figure on unseen examples a network may lie on those
# it was trained on, where its own is a little too kind.
SHARE = 0.5
# Beyond the limit by so many standard errors, and so many times the limit: no bad luck.
BEYOND_LUCK = 3.0
CLASSIFYING = ("binary", "multiclass")


@dataclass(frozen=True, eq=False)
class Held:
    """An output that is held to the limit.

    rows: the dense model's, on the examples that levels are judged on.
    known: the limit on training examples, where the others are few.
    """

    metric: Metric
    limit: Limit
    rows: Rows
    known: Limit | None = None


@dataclass(frozen=True)
class Miss:
    """The output that lost too much, by its metric, and what was seen."""

    metric: Metric
    why: str


@dataclass(frozen=True)
class Margin:
    """What a level lost of its main output, the standard error of that, and what it may lose."""

    lost: float
    error: float
    drop: float

    @property
    def has_room(self) -> bool:
        """Whether a whole standard error fits within the limit, too."""
        return self.lost + self.error <= self.drop

    @property
    def is_clear(self) -> bool:
        """Whether so much is within the limit that many tries hardly make it luck."""
        return self.lost <= 0 or self.has_room

    @property
    def is_hopeless(self) -> bool:
        """Whether the loss is beyond the limit by more than bad luck explains."""
        return self.lost - self.drop > BEYOND_LUCK * max(self.error, self.drop)


def settle(bench: Bench, dense_metric: float | None) -> None:
    """Note the limits; `bench.model` must hold the dense model's trained weights."""
    metric, allowed = bench.metric, bench.recipe.objective.max_metric_drop
    bench.facts["held"] = ()
    if allowed is not None and metric is None:
        why = "There are no labels to judge by: the limit was not applied, every round was done."
        bench.reporter.warn("limit_not_judged", why)
    if metric is None or dense_metric is None:
        return
    if allowed is None:
        _tell_who_judges(bench, metric)
        return
    bench.facts["held"] = held = tuple(_held(bench, dense_metric, allowed))
    few = next((one.metric for one in held if one.known is not None), None)
    if few is not None:
        assert bench.dataset is not None
        bench.reporter.decide(
            "objective.max_metric_drop",
            "judged on validation and on training examples",
            _why_few(few, bench.dataset.validation),
        )


def _held(bench: Bench, main: float, allowed: float) -> Iterator[Held]:
    """Every output with its limit; `main` is the dense model's main metric."""
    assert bench.dataset is not None
    dense, split = bench.model, bench.judged_split
    few = [one for one in bench.metrics if _few(bench, one)]
    told = predictions(bench, dense, split)
    trained = predictions(bench, dense, bench.dataset.train) if few else None
    for metric in bench.metrics:
        rows = metric.prepare(split.y, told)
        value = main if metric is bench.metric else metric.of(rows)
        limit = Limit(value, allowed, metric.higher_is_better, not metric.is_bounded)
        if metric is not bench.metric and not _has_something_to_lose(bench, metric, told):
            continue
        known = _known(bench, metric, limit, told, trained) if metric in few else None
        yield Held(metric, limit, rows, known)


def _known(
    bench: Bench, metric: Metric, limit: Limit, told: Arrays, trained: Arrays | None
) -> Limit:
    """What a network may come to on training examples, by the dense model's outputs on both."""
    assert bench.dataset is not None
    assert trained is not None
    assert limit.allowed is not None
    up = limit.higher_is_better
    found = evaluation.interval(metric, bench.judged_split.y, told, bench.seed_for("interval"))
    known = replace(limit, dense=metric.value(bench.dataset.train.y, trained))
    unseen = replace(limit, dense=surely(limit.dense, found, up), allowed=SHARE * limit.allowed)
    worst = (min if up else max)(known.worst, unseen.worst)
    return replace(limit, dense=worst, allowed=0.0)


def allowed_drop(bench: Bench, metric: Metric) -> float | None:
    """How much an output may lose, in its metric's own unit; None where nothing limits it."""
    held: Sequence[Held] = bench.facts.get("held", ())
    return next((one.limit.drop for one in held if one.metric is metric), None)


def missed(bench: Bench, model: keras.Model, value: float | None) -> Miss | None:
    """The first output that a level's network lost too much of; `value` is its main metric."""
    held: Sequence[Held] = bench.facts.get("held", ())
    if not held:
        return None
    main = held[0]
    if value is None or not main.limit.holds(value):
        return _too_much(main, value)
    return _missed(bench, model, held, value)


def margin(bench: Bench, model: keras.Model, value: float | None) -> Margin:
    """How a level's main output lies to its limit; all NaN where nothing is limited."""
    held: Sequence[Held] = bench.facts.get("held", ())
    if not held or value is None:
        return Margin(*[float("nan")] * 3)
    main = held[0]
    rows = main.metric.prepare(bench.judged_split.y, predictions(bench, model, bench.judged_split))
    return Margin(main.limit.lost(value), _error(bench, main, rows), main.limit.drop or 0.0)


def others_hold(bench: Bench, model: keras.Model) -> bool:
    """Whether a network stays within the limit in all outputs but the main one, which ranks."""
    return _missed(bench, model, bench.facts.get("held", ())[1:]) is None


def _missed(
    bench: Bench, model: keras.Model, held: Sequence[Held], main: float | None = None
) -> Miss | None:
    if not held:
        return None
    split = bench.judged_split
    told = predictions(bench, model, split)
    for one in held:
        metric, limit = one.metric, one.limit
        rows = metric.prepare(split.y, told)
        value = metric.of(rows) if main is None or metric is not bench.metric else main
        # Its error last: of some figures that takes hundreds of draws.
        if not (limit.holds(value) and limit.holds(value, _error(bench, one, rows))):
            return _too_much(one, value)
    if any(one.known is not None for one in held):
        assert bench.dataset is not None
        train = bench.dataset.train
        told = predictions(bench, model, train)
        for one in held:
            if one.known is None:
                continue
            value = one.metric.value(train.y, told)
            if not one.known.holds(value):
                return Miss(
                    one.metric,
                    f"The output {one.metric.output} lost too much of what it had learned: "
                    f"{one.metric.name} {value:.4g} on training examples, where "
                    f"{one.known.dense:.4g} is allowed.",
                )
    return None


def _too_much(one: Held, value: float | None) -> Miss:
    metric, dense = one.metric, one.limit.dense
    told = "none" if value is None else f"{value:.4g}"
    why = f"The output {metric.output} lost too much: {metric.name} {told}, {dense:.4g} before."
    return Miss(metric, why)


def surely(value: float, found: Interval | None, higher_is_better: bool) -> float:
    """A figure, worse by its standard error; as it is where none can be told.

    Half of one is its luck, as in `objectives`; the epoch it is of was chosen by it, which is worth
    about as much again.
    """
    if found is None or not np.isfinite([found.low, found.high]).all():
        return value
    error = (found.high - found.low) / (2 * 1.96)
    return value - error if higher_is_better else value + error


def _error(bench: Bench, one: Held, rows: Rows) -> float:
    """The standard error of what a network lost of an output against the dense model."""
    return evaluation.standard_error(one.metric, one.rows, rows, bench.seed_for("interval"))


def _few(bench: Bench, metric: Metric) -> bool:
    assert bench.dataset is not None
    held_out = bench.dataset.validation
    return bench.trains and len(held_out) > 0 and telling(metric, held_out.y) < FEW


def _has_something_to_lose(bench: Bench, metric: Metric, told: Arrays) -> bool:
    """Whether an output has a figure to be held to; one that only guesses is held, and told."""
    found = evaluation.interval(metric, bench.judged_split.y, told, bench.seed_for("interval"))
    if not np.isfinite(found.value):
        bench.reporter.warn(
            "output_not_judged",
            f"The output {metric.output} has no {metric.name} on these examples: nothing holds it "
            "to the limit.",
        )
    elif is_at_chance(bench, metric, found):
        bench.reporter.warn(
            "output_at_chance",
            f"The output {metric.output} does no better than guessing: what it loses or gains by "
            "pruning is chance.",
        )
    return bool(np.isfinite(found.value))


def _tell_who_judges(bench: Bench, metric: Metric) -> None:
    """Without a limit the main output alone decides between networks of the same size."""
    if len(bench.metrics) > 1:
        bench.reporter.warn(
            "one_output",
            f"No limit is set: where one of several networks is chosen, the output {metric.output} "
            "decides. Look at what the others lose before you use the model.",
        )


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
