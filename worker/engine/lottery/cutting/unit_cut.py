"""Which units a round removes: scores, width plans, the target, all on the full-size network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from prunery.screening.reach import covers, share_of
from worker.engine import profiling
from worker.engine.arrays import Arrays
from worker.engine.compaction import rebuild
from worker.engine.lottery.bench import Bench, assign
from worker.engine.lottery.cutting import sensitivity, sizes, trim
from worker.engine.lottery.cutting.batches import criterion_context
from worker.engine.pruning import schedules, selection, widths
from worker.engine.pruning.units import unit_scores
from worker.engine.pruning.widths import Bounds, Kept


@dataclass(frozen=True)
class Cut:
    """Kept units by group, the width plan that chose them, and what was found on the way."""

    kept: Kept
    plan: str
    notes: tuple[str, ...] = ()


def all_units(bench: Bench) -> Kept:
    return {name: np.arange(group.units) for name, group in bench.graph.groups.items()}


def cut_units(
    bench: Bench,
    level: int,
    kept: Kept,
    fraction: float,
    trained: Arrays,
    initial: Arrays | None,
    judge: Any,
    group: str | None = None,
) -> Cut:
    """Choose the units of level `level`.

    Args:
        kept: units the round starts from (one-shot: all of them).
        fraction: share of them that goes.
        trained: full-size trained weights the units are scored on.
        initial: full-size initial weights, where there are any.
        judge: `judge(kept) -> float | None`, the gauge on a cut before retraining.
        group: where only this one is cut.
    """
    assign(bench.model, trained)
    context = criterion_context(bench, trained, initial, bench.seed_for("draw", level))
    scores = unit_scores(bench.graph.groups, bench.recipe.criterion, context)
    if bench.recipe.criterion.name == "threshold":
        return _cut_below_threshold(bench, level, kept, scores)
    if group is not None:
        counts = {**trim.counts_of(kept), group: _left(bounds(bench, level), kept, group, fraction)}
        return Cut(widths.select(scores, kept, counts), group)
    limits_for = _limits(bench, level, kept, scores, judge)

    def cut_with(plan: str, share: float) -> Kept:
        limits = limits_for(share)
        return widths.select(scores, kept, widths.counts(scores, kept, share, plan, limits))

    plans = _plans(bench, kept)
    found = {plan: cut_with(plan, fraction) for plan in plans}
    plan = _best_plan(bench, found, judge)
    chosen = found[plan]
    if trim.wants_trimming(bench.recipe.objective):
        chosen = _trimmed(bench, level, lambda share: cut_with(plan, share), kept, scores, fraction)
    return Cut(chosen, plan)


def _limits(
    bench: Bench, level: int, kept: Kept, scores: Any, judge: Callable[[Kept], float | None]
) -> Callable[[float], Bounds]:
    """The bounds of a cut of some share; a sensitivity scan gives every free group its own."""
    limits = bounds(bench, level)
    whole = judge(kept) if bench.recipe.scope == "sensitivity" else None
    if whole is None or bench.gauge is None:
        return lambda _share: limits
    free = [name for name in sorted(kept) if name not in limits.fractions]

    def alone(name: str, depth: float) -> float | None:
        size = len(kept[name])
        stays = max(limits.floor(name), size - selection.count(depth, size))
        return judge({**kept, **widths.select(scores, {name: kept[name]}, {name: stays})})

    up = bench.gauge.higher_is_better
    losses = sensitivity.scan(free, alone, whole, higher_is_better=up)
    bench.facts.setdefault("sensitivity", {})[level] = losses
    units = {name: len(kept[name]) for name in free}

    def limits_for(share: float) -> Bounds:
        own = sensitivity.propose(losses, units, share)
        return replace(limits, fractions={**own, **limits.fractions})

    return limits_for


def bounds(bench: Bench, level: int) -> Bounds:
    """The recipe's minimum, multiple, fractions (of this round) and protected layers, by group.

    A layer answers for the units that it makes or acts on one by one, not for those it only reads.
    A group's own name (`attention:heads`) says more than the layer's that it is a part of.
    """
    recipe = bench.recipe
    fractions: dict[str, float] = {}
    for name, group in bench.graph.groups.items():
        shares = [share_of(layer, recipe.layer_fractions) for layer in group.own]
        own = [share for share in shares if share is not None]
        if own:
            fractions[name] = min(own)
        if name in recipe.layer_fractions:
            fractions[name] = recipe.layer_fractions[name]
        if name in fractions:
            fractions[name] = schedules.round_fraction(recipe.schedule, level, fractions[name])
        covered = (*group.own, name)
        if any(covers(path, layer) for path in recipe.protect for layer in covered):
            fractions[name] = 0.0
    units = {name: group.units for name, group in bench.graph.groups.items()}
    least = {name: group.minimum for name, group in bench.graph.groups.items()}
    return Bounds(units, recipe.minimum_kept, recipe.round_to, fractions, least)


def savings(bench: Bench, kept: Kept, fraction: float) -> list[tuple[str, float]]:
    """The share of all parameters that goes with a fraction of one group alone, group by group."""
    limits, whole = bounds(bench, 1), sizes_of(bench, kept).parameters
    found = []
    for name, units in kept.items():
        if name not in limits.fractions:
            smaller = {**kept, name: units[: _left(limits, kept, name, fraction)]}
            found.append((name, 1 - sizes_of(bench, smaller).parameters / whole))
    return found


def _left(limits: Bounds, kept: Kept, group: str, fraction: float) -> int:
    """Units that a group keeps where it is cut alone."""
    alive = len(kept[group])
    return limits.settle(group, alive - selection.count(fraction, alive), alive)


def at_minimum(bench: Bench, kept: Kept) -> bool:
    """Whether no later round can take a unit of any group."""
    limits = bounds(bench, bench.recipe.schedule.rounds)
    return all(
        limits.settle(name, limits.floor(name), len(units)) == len(units)
        for name, units in kept.items()
    )


def sizes_of(bench: Bench, kept: Kept) -> trim.Sizes:
    """Parameters, and FLOPs where they are asked for, of a cut."""
    count = sizes.parameters(sizes.compact_shapes(bench.graph, bench.shapes, kept))
    flops = None
    if bench.recipe.objective.flops_ratio is not None:
        small = rebuild.compact(bench.model, bench.graph, kept, compiled=False).model
        flops = profiling.flops(small)
    return trim.Sizes(count, flops)


def _plans(bench: Bench, kept: Kept) -> tuple[str, ...]:
    if bench.recipe.scope != "global" or len(kept) < 2:
        return ("uniform",)
    return widths.PLANS if bench.trains and bench.judges else ("global",)


def _best_plan(bench: Bench, found: dict[str, Kept], judge: Callable[[Kept], float | None]) -> str:
    """The width plan whose cut, recalibrated, validates best before any retraining."""
    different = {tuple(sorted(trim.counts_of(kept).items())): plan for plan, kept in found.items()}
    if len(different) == 1 or bench.gauge is None:
        return next(iter(found))
    values = {plan: judge(found[plan]) for plan in different.values()}
    sign = 1 if bench.gauge.higher_is_better else -1
    known = {plan: sign * value for plan, value in values.items() if value is not None}
    return max(known, key=lambda plan: known[plan]) if known else next(iter(found))


def _trimmed(
    bench: Bench, level: int, cut: Callable[[float], Kept], kept: Kept, scores: Any, fraction: float
) -> Kept:
    objective = bench.recipe.objective
    dense = sizes_of(bench, all_units(bench))

    def meets(candidate: Kept) -> bool:
        return trim.meets(objective, dense, sizes_of(bench, candidate))

    last = level >= bench.recipe.schedule.rounds
    share, met = trim.smallest_fraction(cut, meets, 0.999 if last else fraction)
    if not met:
        return cut(fraction)
    before = cut(max(0.0, share - 1e-6))
    if meets(before) or objective.parameters_ratio is None:
        return cut(share)
    limits = bounds(bench, level)

    def remove_one(start: Kept, name: str) -> Kept | None:
        counts = trim.counts_of(start)
        below = (counts[name] - 1) // limits.round_to * limits.round_to
        smaller = {**counts, name: below}
        if smaller[name] < limits.floor(name) or limits.fractions.get(name) is not None:
            return None
        return widths.select(scores, kept, smaller)

    def parameters_of(candidate: Kept) -> int:
        return sizes_of(bench, candidate).parameters

    return trim.closest_below(before, cut(share), remove_one, meets, parameters_of)


def _cut_below_threshold(
    bench: Bench, level: int, kept: Kept, scores: dict[str, np.ndarray]
) -> Cut:
    """The literal form of the article: every unit at or below an absolute threshold goes."""
    threshold = bench.recipe.criterion.threshold
    assert threshold is not None
    limits = bounds(bench, level)
    result: Kept = {}
    for name, alive in kept.items():
        above = int((scores[name][alive] > threshold).sum())
        result[name] = widths.select(
            scores, {name: alive}, {name: limits.settle(name, above, len(alive))}
        )[name]
    gone = sum(len(kept[n]) - len(result[n]) for n in kept)
    return Cut(result, "threshold", (f"{gone} units lay at or below {threshold:g}.",))
