"""What a report's levels have in common: their order, what their size is, and their limit."""

from __future__ import annotations

from collections.abc import Sequence

from prunery.reports.measures import is_finite
from prunery.specs.report import Level, Report


def measured(report: Report) -> list[Level]:
    """The levels with a figure to show."""
    return [level for level in report.levels if is_finite(level.metric)]


def by_size(levels: Sequence[Level]) -> list[Level]:
    """Level 0 first, then from the largest to the smallest: steps may go back up after a miss."""
    ordered = sorted(levels, key=lambda level: level.level)
    return [
        *ordered[:1],
        *sorted(ordered[1:], key=lambda one: (-one.live_parameters, one.level)),
    ]


def sized_by_weights(levels: Sequence[Level]) -> bool:
    """Masks shrink no file: there the numbers that are left are the size."""
    files = max(level.size_bytes for level in levels) / min(level.size_bytes for level in levels)
    live = [max(level.live_parameters, 1) for level in levels]
    return files < 1.15 and max(live) / min(live) > 1.3


def worst_allowed(report: Report) -> float | None:
    """The worst figure that was still allowed, on validation examples."""
    allowed = report.method.recipe.objective.max_metric_drop
    dense = next((level for level in report.levels if level.level == 0), None)
    if allowed is None or dense is None or dense.metric is None:
        return None
    if report.task.drop_is_relative:
        allowed *= abs(dense.metric.value)
    return (
        dense.metric.value - allowed
        if report.task.metric_higher_is_better
        else (dense.metric.value + allowed)
    )
