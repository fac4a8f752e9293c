"""Dense against compact on the same examples: paired, so that luck in the draw cancels out."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np

from prunery.specs.report import ClassFigures, Comparison, Interval
from worker.engine.evaluation import formulas
from worker.engine.evaluation.intervals import (
    bootstrap,
    by_class,
    error_of,
    of_mean,
    percentiles,
    varying,
)
from worker.engine.evaluation.metrics import Arrays, Metric, Rows

_Z = 1.959963984540054
# A standard error takes fewer draws than the ends of an interval (Efron & Tibshirani 1993, 6.4).
_DRAWS = 200
# Beyond it a matrix is no longer read by anyone.
_LARGEST_CONFUSION = 100


def compare(
    metric: Metric,
    y: Arrays,
    p_dense: Arrays,
    p_compact: Arrays,
    seed: int = 0,
    *,
    allowed_drop: float | None = None,
    classes: Sequence[str] | None = None,
) -> Comparison:
    """The difference compact minus dense with its 95% interval, and who got what wrong."""
    dense, compact = metric.prepare(y, p_dense), metric.prepare(y, p_compact)
    if metric.is_proportion:
        found = _proportions(dense[0].astype(bool), compact[0].astype(bool))
    elif metric.is_mean_of_classes:
        found = Comparison(
            difference=_mean_over_classes(dense[0], dense[1], compact[1]),
            method="interval of each class for paired proportions by Agresti and Min, their mean's "
            "by Zou and Donner",
        )
    elif metric.is_mean_of_areas:
        difference, half = metric.of(compact) - metric.of(dense), _Z * _area_error(dense, compact)
        found = Comparison(
            difference=Interval(value=difference, low=difference - half, high=difference + half),
            method="paired interval for areas under ROC curves by DeLong et al.",
        )
    else:
        values = bootstrap(metric, [dense, compact], seed)
        difference = metric.of(compact) - metric.of(dense)
        low, high = percentiles(values[1] - values[0], varying(metric, dense))
        found = Comparison(
            difference=Interval(
                value=difference, low=min(low, difference), high=max(high, difference)
            ),
            method="paired bootstrap over examples, 1000 draws",
        )
    return found.model_copy(
        update={"allowed_drop": allowed_drop, **_by_class(metric, y, p_dense, p_compact, classes)}
    )


def standard_error(metric: Metric, dense: Rows, compact: Rows, seed: int = 0) -> float:
    """The standard error of the difference of two figures on the same examples; NaN of too few.

    dense, compact: what `metric.prepare` made of each model's outputs.
    """
    if metric.is_mean_of_classes:
        found = _mean_over_classes(dense[0], dense[1], compact[1])
        return (found.high - found.low) / (2 * _Z)
    if metric.is_mean_of_areas:
        return _area_error(dense, compact)
    if metric.is_mean:
        spread, count = compact[0].astype(np.float64) - dense[0], len(dense[0])
    else:
        values = bootstrap(metric, [dense, compact], seed, _DRAWS)
        spread, count = values[1] - values[0], 1
        spread = spread[~np.isnan(spread)]
    return float(spread.std(ddof=1) / np.sqrt(count)) if len(spread) > 1 else float("nan")


def _area_error(dense: Rows, compact: Rows) -> float:
    return error_of(formulas.shares_of_area(*compact) - formulas.shares_of_area(*dense))


def mcnemar(only_dense: int, only_compact: int) -> float:
    """Two-sided exact p that two models err equally often (McNemar 1947, binomial form)."""
    trials = only_dense + only_compact
    tail = sum(comb(trials, k) for k in range(min(only_dense, only_compact) + 1))
    return min(1.0, float(2 * tail / 2**trials))


def _paired(dense: np.ndarray, compact: np.ndarray) -> Interval:
    """The difference of two shares of the same examples, by Agresti & Min 2005.

    Half a pair added to each cell keeps the coverage where few differ.
    """
    count = len(dense)
    only_dense, only_compact = int((dense & ~compact).sum()), int((~dense & compact).sum())
    whole, lost, won = count + 2, only_dense + 0.5, only_compact + 0.5
    middle = (won - lost) / whole
    half = _Z * np.sqrt(won + lost - (won - lost) ** 2 / whole) / whole
    value = (only_compact - only_dense) / count
    return Interval(value=value, low=min(value, middle - half), high=max(value, middle + half))


def _mean_over_classes(truth: np.ndarray, dense: np.ndarray, compact: np.ndarray) -> Interval:
    parts = [_paired(before, after) for before, after in by_class(truth, dense, compact)]
    low, high = of_mean(parts)
    return Interval(value=float(np.mean([part.value for part in parts])), low=low, high=high)


def _proportions(dense: np.ndarray, compact: np.ndarray) -> Comparison:
    both, neither = int((dense & compact).sum()), int((~dense & ~compact).sum())
    only_dense, only_compact = int((dense & ~compact).sum()), int((~dense & compact).sum())
    return Comparison(
        difference=_paired(dense, compact),
        method="exact McNemar test; interval for paired proportions by Agresti and Min",
        both_right=both,
        only_dense_right=only_dense,
        only_compact_right=only_compact,
        neither_right=neither,
        mcnemar_p=mcnemar(only_dense, only_compact),
    )


def _by_class(
    metric: Metric, y: Arrays, p_dense: Arrays, p_compact: Arrays, names: Sequence[str] | None
) -> dict[str, object]:
    """Recall of every class and the change of the confusion matrix (rows: true class)."""
    if metric.task not in ("multiclass", "binary"):
        return {}
    labels, dense = metric.pair(y, p_dense)
    outputs = [dense, metric.pair(y, p_compact)[1]]
    count = max(2, dense.shape[-1], len(names or ()))
    truth = formulas.true_classes(labels, count)
    told = [formulas.predicted_classes(p, metric.from_logits) for p in outputs]
    before, after = (_confusion(truth, one, count) for one in told)
    examples = before.sum(axis=1)
    figures = tuple(
        ClassFigures(
            name=names[c] if names and c < len(names) else str(c),
            examples=int(examples[c]),
            dense=float(before[c, c] / examples[c]),
            compact=float(after[c, c] / examples[c]),
        )
        for c in range(count)
        if examples[c]
    )
    change = after - before
    rows = tuple(tuple(int(v) for v in row) for row in change)
    return {
        "per_class": figures,
        "confusion_change": rows if count <= _LARGEST_CONFUSION else None,
    }


def _confusion(truth: np.ndarray, told: np.ndarray, classes: int) -> np.ndarray:
    return np.bincount(truth * classes + told, minlength=classes**2).reshape(classes, classes)
