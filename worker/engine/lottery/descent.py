"""Where the next level starts, and how much it loses: the steps down the ladder.

iterative, cubic   from the last level, by the schedule, until two levels in a row miss the limit
one_shot           each from the dense model
adaptive           each step twice the one before, from twice `pruning_fraction` to at most half of
                   what is alive, while the limit holds; after a miss, half of what missed; after
                   two, half-way between the smallest level within the limit and the largest that
                   missed, while that is more than half of `pruning_fraction` away

Small networks of most models are as good as large ones, and a step that goes too far costs one
training: halving finds the edge in as many trainings as ten even steps take to come near it. On few
examples one miss may be bad luck, and would end the descent far above the edge: the size below it
is tried, too, before both are given up (`benchmarks.guard`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from prunery.specs.recipe import Recipe
from worker.engine.lottery.objectives import MISSES_IN_A_ROW
from worker.engine.pruning import schedules

LARGEST_STEP = 0.5


@dataclass(frozen=True)
class Step:
    """Make the next level from level `basis`, removing `fraction` of what is alive there."""

    basis: int
    fraction: float


@dataclass(frozen=True)
class Made:
    """A finished level: how it was made, and whether it stayed within the limit.

    least: whether nothing smaller can be made.
    """

    step: Step
    within: bool
    least: bool = False


def is_adaptive(recipe: Recipe) -> bool:
    """Steps adapt to a limit, and only units can be cut by any share; else they are even."""
    limited = recipe.objective.max_metric_drop is not None
    return recipe.schedule.kind == "adaptive" and limited and recipe.granularity == "unit"


def next_step(recipe: Recipe, made: Sequence[Made]) -> Step | None:
    """The step to level `len(made) + 1`; None where the edge is known closely enough.

    Args:
        made: levels 1 to the last, in order.
    """
    level = len(made) + 1
    if not is_adaptive(recipe):
        fraction = schedules.round_fraction(recipe.schedule, level)
        return Step(0 if recipe.schedule.kind == "one_shot" else level - 1, fraction)
    usual = recipe.schedule.pruning_fraction
    shares = _shares(made)
    good = min((k for k in range(level) if k == 0 or made[k - 1].within), key=lambda k: shares[k])
    missed = [k for k in range(1, level) if shares[k] < shares[good]]
    if not missed:
        before = made[-1].step.fraction if made else usual
        return Step(good, min(LARGEST_STEP, 2 * before))
    largest = max(shares[k] for k in missed)
    if len(missed) < MISSES_IN_A_ROW and not made[missed[0] - 1].least:
        return Step(good, 1 - (1 - LARGEST_STEP) * largest / shares[good])
    fraction = 1 - sqrt(largest / shares[good])
    return Step(good, fraction) if fraction >= usual / 2 else None


def _shares(made: Sequence[Made]) -> list[float]:
    """Share of the units alive at each level, level 0 first."""
    shares = [1.0]
    for one in made:
        shares.append(shares[one.step.basis] * (1 - one.step.fraction))
    return shares
