"""The last cut, trimmed to the target: no more is removed than the objective asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prunery.specs.recipe import Objective
from worker.engine.pruning.widths import Kept

STEPS = 24
SizesOf = Callable[[Kept], "Sizes"]


class Sizes:
    """What is known of a network before it is trained."""

    def __init__(self, parameters: int, flops: int | None) -> None:
        self.parameters = parameters
        self.flops = flops


def wants_trimming(objective: Objective) -> bool:
    """Whether a target can be met exactly by choosing how much goes (bytes and time cannot)."""
    return objective.parameters_ratio is not None or objective.flops_ratio is not None


def meets(objective: Objective, dense: Sizes, level: Sizes) -> bool:
    """Whether the sizes known before training are within their targets."""
    ratio = objective.parameters_ratio
    if ratio is not None and level.parameters > ratio * dense.parameters:
        return False
    ratio = objective.flops_ratio
    if ratio is None:
        return True
    return bool(level.flops is not None and dense.flops and level.flops <= ratio * dense.flops)


def smallest_fraction(
    cut: Callable[[float], Kept], meets_target: Callable[[Kept], bool], highest: float
) -> tuple[float, bool]:
    """The smallest fraction up to `highest` that meets the target, and whether any does."""
    if not meets_target(cut(highest)):
        return highest, False
    low, high = 0.0, highest
    for _ in range(STEPS):
        middle = (low + high) / 2
        if meets_target(cut(middle)):
            high = middle
        else:
            low = middle
    return high, True


def closest_below(
    before: Kept,
    after: Kept,
    remove_one: Callable[[Kept, str], Kept | None],
    meets_target: Callable[[Kept], bool],
    parameters_of: Callable[[Kept], int],
) -> Kept:
    """Of all cuts one unit beyond `before` (which misses), the largest that meets the target.

    A fraction moves several groups at once, so the cut it finds may fall short by more than one
    unit; `after` is that cut, and is returned when no single unit does better.
    """
    candidates: list[Kept] = [after]
    for name in before:
        one_less = remove_one(before, name)
        if one_less is not None and meets_target(one_less):
            candidates.append(one_less)
    return max(candidates, key=parameters_of)


def counts_of(kept: Mapping[str, object]) -> dict[str, int]:
    """Units kept in each group."""
    return {name: len(units) for name, units in kept.items()}  # type: ignore[arg-type]
