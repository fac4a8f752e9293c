"""When the ladder may stop, and which level is the answer.

Targets are sizes. Curves are not monotone: the ladder goes on until two levels in a row miss the
limit (`max_metric_drop`).

Of all networks tried the luckiest would be the answer, and lose more on new examples than where it
was chosen. So half a standard error of the loss must fit within the limit, too: the rule of one
standard error (Breiman et al. 1984, 3.4.3) at half its strength: on some hundred examples half of
one finds about the size that really loses the limit, a whole one up to four times that size
(`benchmarks.guard`). What seems to have lost nothing is held to it, too: of 100 examples that is
easily luck.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prunery.specs.job import Figures
from prunery.specs.recipe import Objective

MISSES_IN_A_ROW = 2
# Of a standard error: what must fit within the limit beside what was lost.
DOUBT = 0.5
# A limit at the very edge of a float: 0.90 - 0.89 is 0.010000000000000009.
_SLACK = 1e-9


@dataclass(frozen=True)
class Limit:
    """How far the metric may fall below (or a loss rise above) the dense model's."""

    dense: float
    allowed: float | None
    higher_is_better: bool
    relative: bool

    @property
    def drop(self) -> float | None:
        """The allowed drop in the metric's own unit."""
        if self.allowed is None:
            return None
        return self.allowed * abs(self.dense) if self.relative else self.allowed

    @property
    def worst(self) -> float:
        """The worst value that still holds."""
        drop = self.drop or 0.0
        return self.dense - drop if self.higher_is_better else self.dense + drop

    def lost(self, value: float) -> float:
        """How much worse than the dense model's a figure is."""
        return self.dense - value if self.higher_is_better else value - self.dense

    def holds(self, value: float | None, error: float = 0.0) -> bool:
        """Whether a level's metric stays within the limit; without a limit all do.

        error: the standard error of what it lost; NaN, where none can be told, holds what lost
            nothing.
        """
        if self.drop is None:
            return True
        if value is None or value != value:
            return False
        lost = self.lost(value)
        if error != error:
            return lost <= 0
        return lost + DOUBT * error <= self.drop + _SLACK


def is_relative(metric_in_unit_interval: bool) -> bool:
    """`max_metric_drop` is absolute for metrics between 0 and 1, relative for all others."""
    return not metric_in_unit_interval


def has_target(objective: Objective) -> bool:
    """Whether a size is asked for at all."""
    return any(
        value is not None
        for value in (
            objective.density,
            objective.parameters_ratio,
            objective.flops_ratio,
            objective.latency_ratio,
            objective.size_bytes,
        )
    )


def meets_targets(objective: Objective, dense: Figures, level: Figures) -> bool:
    """Whether a level is small enough in every figure that the objective names."""
    checks = [
        _at_most(level.density, objective.density, 1.0),
        _at_most(level.parameters, objective.parameters_ratio, dense.parameters),
        _at_most(level.flops, objective.flops_ratio, dense.flops),
        _at_most(level.latency_ms, objective.latency_ratio, dense.latency_ms),
        _at_most(level.size_bytes, objective.size_bytes, 1),
    ]
    return all(checks)


def _at_most(value: float | None, share: float | None, whole: float | None) -> bool:
    if share is None:
        return True
    if value is None or whole is None:
        return False
    return value <= share * whole * (1 + _SLACK)


def answer_is_known(
    objective: Objective, within: Sequence[bool], dense: Figures, last: Figures
) -> bool:
    """Whether more rounds can not change the choice: a target reached, or two misses in a row."""
    if has_target(objective) and meets_targets(objective, dense, last):
        return True
    misses = within[-MISSES_IN_A_ROW:]
    return len(misses) == MISSES_IN_A_ROW and not any(misses)


def choose(
    objective: Objective, figures: Sequence[Figures], within: Sequence[bool]
) -> tuple[int, bool | None]:
    """The chosen level and whether all targets were met (None without targets).

    Args:
        figures: by level, 0 is the dense model.
        within: by level, whether the limit holds (level 0: True).

    With a limit: the smallest level within it (the largest that meets the targets, where some
    does). Without: the first that meets the targets, else the last.
    """
    last = len(figures) - 1
    allowed = [k for k in range(1, last + 1) if within[k]]
    met = [k for k in range(1, last + 1) if meets_targets(objective, figures[0], figures[k])]
    if has_target(objective):
        both = [k for k in met if within[k]]
        if both:
            return both[0], True
        if objective.max_metric_drop is None:
            return (met[0], True) if met else (last, False)
        return (allowed[-1] if allowed else 0), False
    if objective.max_metric_drop is None:
        return last, None
    smallest = min(allowed, key=lambda k: (figures[k].parameters, figures[k].density), default=0)
    return smallest, None
