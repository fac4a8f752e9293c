"""Where the next level starts, and how much it loses: the steps down the ladder.

iterative, cubic   from the last level, by the schedule, until two levels in a row miss the limit
one_shot           each from the dense model
adaptive           each step twice the one before, from twice `pruning_fraction` to at most half of
                   what is alive, while the limit holds; after a miss, half of what missed; after
                   two, or one beyond luck, half-way between the smallest level within the limit and
                   the largest that missed, while that is more than half of `pruning_fraction` away;
                   then, while there is room, a part of one group alone, of that first which saves
                   most

Small networks of most models are as good as large ones, and a step that goes too far costs one
training: halving finds the edge in as many trainings as ten even steps take to come near it. On few
examples one miss may be bad luck, and would end the descent far above the edge: the size below it
is tried, too, before both are given up (`benchmarks.guard`).

Steps that take from all groups end where the first of them has nothing to spare: a narrow middle
decides, and wide layers beside it are never tried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

from prunery.specs.recipe import Recipe
from worker.engine.lottery.objectives import MISSES_IN_A_ROW, has_target
from worker.engine.pruning import schedules

LARGEST_STEP = 0.5
# Of one group alone: what goes of it, how often a job tries that, and what it must save of all
# parameters to be worth a training.
PART = 1 / 3
MOST_PARTS = 4
LEAST_SAVED = 0.08

# Of a level: the groups that may be cut alone, and the share of its parameters that each saves.
Savings = Callable[[int], Sequence[tuple[str, float]]]


@dataclass(frozen=True)
class Step:
    """Make the next level from level `basis`, removing `fraction` of what is alive there.

    group: of this group alone.
    """

    basis: int
    fraction: float
    group: str | None = None


@dataclass(frozen=True)
class Made:
    """A finished level: how it was made, and whether it stayed within the limit.

    least: whether nothing smaller can be made.
    has_room: whether it stayed within the limit by a whole standard error.
    hopeless: whether its miss is beyond luck.
    idle: whether it is as large as a level before it.
    """

    step: Step
    within: bool
    least: bool = False
    has_room: bool = False
    hopeless: bool = False
    idle: bool = False


def is_adaptive(recipe: Recipe) -> bool:
    """Steps adapt to a limit, and only units can be cut by any share; else they are even."""
    limited = recipe.objective.max_metric_drop is not None
    return recipe.schedule.kind == "adaptive" and limited and recipe.granularity == "unit"


def next_step(recipe: Recipe, made: Sequence[Made], savings: Savings | None = None) -> Step | None:
    """The step to level `len(made) + 1`; None where the edge is known closely enough.

    Args:
        made: levels 1 to the last, in order.
        savings: without it all groups are always cut together.
    """
    level = len(made) + 1
    if not is_adaptive(recipe):
        fraction = schedules.round_fraction(recipe.schedule, level)
        return Step(0 if recipe.schedule.kind == "one_shot" else level - 1, fraction)
    together = [one for one in made if one.step.group is None]
    step = _together(recipe, together)
    even = recipe.scope == "layer" or has_target(recipe.objective)
    if step is not None or savings is None or even:
        return step
    return _alone(made, len(together), savings)


def _together(recipe: Recipe, made: Sequence[Made]) -> Step | None:
    if any(one.idle for one in made):
        return None
    level, usual = len(made) + 1, recipe.schedule.pruning_fraction
    shares, good = _shares(made), _smallest(made)
    missed = [k for k in range(1, level) if shares[k] < shares[good]]
    if not missed:
        before = made[-1].step.fraction if made else usual
        return Step(good, min(LARGEST_STEP, 2 * before))
    largest = max(shares[k] for k in missed)
    first = made[missed[0] - 1]
    if len(missed) < MISSES_IN_A_ROW and not (first.least or first.hopeless):
        return Step(good, 1 - (1 - LARGEST_STEP) * largest / shares[good])
    fraction = 1 - sqrt(largest / shares[good])
    return Step(good, fraction) if fraction >= usual / 2 else None


def _alone(made: Sequence[Made], together: int, savings: Savings) -> Step | None:
    """A part of the group that saves most; a group that missed is not tried again."""
    alone = made[together:]
    within = [k for k, one in enumerate(alone, together + 1) if one.within]
    good = within[-1] if within else _smallest(made[:together])
    missed = {one.step.group for one in alone if not one.within}
    if len(alone) == MOST_PARTS or len(missed) == MISSES_IN_A_ROW:
        return None
    if good and not made[good - 1].has_room:
        return None
    for group, saved in sorted(savings(good), key=lambda one: -one[1]):
        if group not in missed and saved >= LEAST_SAVED:
            return Step(good, PART, group)
    return None


def _smallest(made: Sequence[Made]) -> int:
    """The smallest level within the limit; the dense model where none is."""
    shares = _shares(made)
    within = [0, *(k for k, one in enumerate(made, 1) if one.within)]
    return min(within, key=lambda k: shares[k])


def _shares(made: Sequence[Made]) -> list[float]:
    """Share of the units alive at each level, level 0 first."""
    shares = [1.0]
    for one in made:
        shares.append(shares[one.step.basis] * (1 - one.step.fraction))
    return shares
