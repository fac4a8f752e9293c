"""How many units of each group stay: width plans.

uniform    every group loses the same share
global     all units are ranked together, each score over its group's mean (arXiv:2407.04616)
half_way   the middle of both
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from worker.engine.pruning.selection import count

Kept = dict[str, np.ndarray]
PLANS = ("uniform", "global", "half_way")


@dataclass(frozen=True)
class Bounds:
    """What a width plan may not cross.

    minimum: share of a group's original units that always stays (and at least one unit).
    round_to: where units go, what stays is a multiple of it; smaller groups stay whole.
    fractions: a fraction of its own for some groups; 0 protects the group.
    least: units that some groups need to stay what they are.
    """

    units: Mapping[str, int]
    minimum: float = 0.0
    round_to: int = 1
    fractions: Mapping[str, float] = field(default_factory=dict)
    least: Mapping[str, int] = field(default_factory=dict)

    def floor(self, group: str) -> int:
        """Fewest units the group may be left with."""
        share = math.ceil(round(self.minimum * self.units[group], 9))
        return max(1, self.least.get(group, 1), share)

    def settle(self, group: str, wanted: int, alive: int) -> int:
        """A count that respects the bounds: the next multiple, and where that is more than what is
        alive, the one before; never more than what is alive."""
        wanted = max(wanted, self.floor(group))
        if self.fractions.get(group) == 0 or wanted >= alive:
            return alive
        above = math.ceil(wanted / self.round_to) * self.round_to
        below = above - self.round_to
        if above <= alive:
            return above
        return below if below >= self.floor(group) else alive


def counts(
    scores: Mapping[str, np.ndarray], kept: Kept, fraction: float, plan: str, bounds: Bounds
) -> dict[str, int]:
    """Units each group keeps when `fraction` of the living goes under a width plan."""
    uniform = {
        name: len(alive) - count(bounds.fractions.get(name, fraction), len(alive))
        for name, alive in kept.items()
    }
    ranked = uniform if plan == "uniform" else _global(scores, kept, fraction, bounds)
    if plan == "half_way":
        ranked = {name: round((uniform[name] + ranked[name]) / 2) for name in kept}
    return {name: bounds.settle(name, ranked[name], len(kept[name])) for name in kept}


def select(scores: Mapping[str, np.ndarray], kept: Kept, keep: Mapping[str, int]) -> Kept:
    """The best units of each group, ascending; ties lose the lower index first."""
    return {
        name: np.sort(
            alive[np.argsort(scores[name][alive], kind="stable")[len(alive) - keep[name] :]]
        )
        for name, alive in kept.items()
    }


def _global(
    scores: Mapping[str, np.ndarray], kept: Kept, fraction: float, bounds: Bounds
) -> dict[str, int]:
    free = [name for name in sorted(kept) if name not in bounds.fractions]
    result = {
        name: len(alive) - count(bounds.fractions.get(name, 0.0), len(alive))
        for name, alive in kept.items()
    }
    if not free:
        return result
    owner = np.concatenate([np.full(len(kept[name]), n) for n, name in enumerate(free)])
    value = np.concatenate([_relative(scores[name][kept[name]]) for name in free])
    order = owner[np.argsort(value, kind="stable")]
    room = {n: len(kept[name]) - bounds.floor(name) for n, name in enumerate(free)}
    quota = count(fraction, len(owner))
    for number in order:
        if quota == 0:
            break
        if room[number] > 0:
            room[number] -= 1
            quota -= 1
            result[free[number]] -= 1
    return result


def _relative(scores: np.ndarray) -> np.ndarray:
    mean = float(scores.mean())
    return scores / mean if mean > 0 else np.ones_like(scores, dtype=float)
