"""Which weights a round removes: scores, pools of a scope, exact counts."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from prunery.screening.reach import covers, share_of
from worker.engine.arrays import Arrays
from worker.engine.graph import output_layers
from worker.engine.lottery.bench import Bench, assign
from worker.engine.lottery.cutting import sensitivity
from worker.engine.lottery.cutting.batches import criterion_context
from worker.engine.lottery.judging import gauge_value
from worker.engine.masks import Masks, apply
from worker.engine.pruning import criteria, schedules, selection, structured
from worker.engine.pruning.selection import Selection, prune_weights

# SynFlow is only layer-collapse-free when it removes a little at a time (arXiv:2006.05467).
SYNFLOW_STEPS = 20


def all_weights(bench: Bench) -> Masks:
    return {key: np.ones(bench.shapes[key], dtype=bool) for key in bench.prunable}


def cut_weights(
    bench: Bench, level: int, masks: Masks, trained: Arrays, initial: Arrays | None
) -> Masks:
    """Choose the weights of level `level`; `masks` says what the round starts from.

    Layers that would have collapsed are spared, and reported.
    """
    found = select(bench, level, masks, trained, initial)
    for key in found.spared:
        layer = key.rsplit("/", 1)[0]
        bench.reporter.warn(
            "layer_collapse", f"{layer} would have lost more than it may; it was spared."
        )
    return found.masks


def fractions(bench: Bench, level: int) -> dict[str, float]:
    """What each kernel loses this round: its own fraction, the output layer's, or the scope's."""
    recipe = bench.recipe
    outputs = set(output_layers(bench.model))
    output_share = recipe.schedule.output_layer_fraction
    if output_share is None:
        output_share = recipe.schedule.pruning_fraction / 2  # as in the paper
    result = {}
    for key in bench.prunable:
        layer = key.rsplit("/", 1)[0]
        share = recipe.schedule.pruning_fraction
        if any(covers(path, layer) for path in outputs):
            share = output_share
        own = share_of(layer, recipe.layer_fractions)
        share = share if own is None else own
        if any(covers(path, layer) for path in recipe.protect):
            share = 0.0
        result[key] = schedules.round_fraction(recipe.schedule, level, share) if share else 0.0
    return result


def select(
    bench: Bench, level: int, masks: Masks, trained: Arrays, initial: Arrays | None
) -> Selection:
    """The same, and the layers that were spared; nothing is reported."""
    recipe = bench.recipe
    shares = fractions(bench, level)
    if recipe.criterion.name == "threshold":
        assert recipe.criterion.threshold is not None
        free = {key: mask for key, mask in masks.items() if shares[key] > 0}
        found = selection.below_threshold(trained, free, recipe.criterion.threshold)
        return Selection({**masks, **found.masks}, found.spared)
    if recipe.scope == "sensitivity":
        shares = _by_sensitivity(bench, level, masks, trained, initial, shares)
    shares = _trimmed(bench, masks, shares)
    if recipe.granularity == "block":
        assert recipe.block_shape is not None
        return structured.prune_blocks(
            _scores(bench, level, masks, trained, initial), masks, shares, recipe.block_shape
        )
    if recipe.granularity == "n:m":
        return _n_of_m(bench, level, masks, trained, initial, shares)
    steps = SYNFLOW_STEPS if recipe.criterion.name == "synflow" else 1
    now, spared = masks, dict[str, None]()
    for step in range(1, steps + 1):
        scores = _scores(bench, level, now, trained, initial)
        pools = [
            (keys, _still_to_go(masks, now, keys, 1 - (1 - share) ** (step / steps)))
            for keys, share in _pools(bench, shares)
        ]
        found = prune_weights(scores, now, pools, minimum_kept=recipe.minimum_kept)
        now, spared = found.masks, spared | dict.fromkeys(found.spared)
    return Selection(now, tuple(spared))


def _still_to_go(before: Masks, now: Masks, keys: list[str], fraction: float) -> float:
    """The share of what is alive now that completes `fraction` of what was alive before."""
    whole, left = (sum(int(masks[key].sum()) for key in keys) for masks in (before, now))
    gone = left - whole + selection.count(fraction, whole)
    return (gone + 0.5) / left if left else 0.0  # half-way to the next: no float falls below


def _by_sensitivity(
    bench: Bench,
    level: int,
    masks: Masks,
    trained: Arrays,
    initial: Arrays | None,
    shares: dict[str, float],
) -> dict[str, float]:
    """Fractions by what validation loses when one layer alone is cut; fixed ones stay."""
    recipe, gauge = bench.recipe, bench.gauge
    common = schedules.round_fraction(recipe.schedule, level)
    free = [key for key, share in shares.items() if share == common]
    if gauge is None or not free:
        return shares
    scores = _scores(bench, level, masks, trained, initial)

    def judge(found: Masks) -> float | None:
        assign(bench.model, trained)
        apply(bench.model, found)
        return gauge_value(bench, bench.model)

    def alone(key: str, depth: float) -> float | None:
        return judge(prune_weights(scores, masks, [([key], depth)]).masks)

    whole = judge(masks)
    if whole is None:
        return shares
    losses = sensitivity.scan(free, alone, whole, higher_is_better=gauge.higher_is_better)
    bench.facts.setdefault("sensitivity", {})[level] = losses
    alive = {key: int(masks[key].sum()) for key in free}
    return {**shares, **sensitivity.propose(losses, alive, common)}


def _scores(
    bench: Bench, level: int, masks: Masks, trained: Arrays, initial: Arrays | None
) -> Mapping[str, np.ndarray]:
    values = {k: v * masks[k] if k in masks else v for k, v in trained.items()}
    assign(bench.model, values)
    context = criterion_context(bench, values, initial, bench.seed_for("draw", level))
    return criteria.of(bench.recipe.criterion.name)(context)


def _pools(bench: Bench, shares: Mapping[str, float]) -> list[tuple[list[str], float]]:
    """One pool a layer, or one of all that share the common fraction."""
    if bench.recipe.scope != "global":
        return [([key], share) for key, share in shares.items() if share]
    by_share: dict[float, list[str]] = {}
    for key, share in shares.items():
        by_share.setdefault(share, []).append(key)
    return [(keys, share) for share, keys in by_share.items() if share]


def _n_of_m(
    bench: Bench,
    level: int,
    masks: Masks,
    trained: Arrays,
    initial: Arrays | None,
    shares: Mapping[str, float],
) -> Selection:
    """Level k of K keeps `m - ceil((m - n) * k / K)` of every m; protected kernels stay whole."""
    assert bench.recipe.n_m is not None
    n, m = bench.recipe.n_m
    rounds = levels_of_n_m(bench)
    now = m - math.ceil((m - n) * min(level, rounds) / rounds)
    scores = _scores(bench, level, masks, trained, initial)
    cut = {key: mask for key, mask in masks.items() if shares[key] > 0}
    return Selection({**masks, **structured.prune_n_of_m(scores, cut, now, m)}, ())


def levels_of_n_m(bench: Bench) -> int:
    """Rounds it takes to come from m of m to n of m, one of every m at least each round."""
    assert bench.recipe.n_m is not None
    n, m = bench.recipe.n_m
    return min(bench.recipe.schedule.rounds, m - n)


def _trimmed(bench: Bench, masks: Masks, shares: dict[str, float]) -> dict[str, float]:
    """Shrink all fractions alike where the full round would overshoot a density target.

    Not one weight short of it: what the last round leaves over, no later one could take away.
    """
    target = bench.recipe.objective.density
    if target is None:
        return shares
    alive = {key: int(mask.sum()) for key, mask in masks.items()}
    most = selection.count(target, sum(mask.size for mask in masks.values()))
    too_many = sum(alive.values()) - most
    pools = [(sum(alive[key] for key in keys), share) for keys, share in _pools(bench, shares)]

    def falls_short(part: float) -> bool:
        return sum(selection.count(part * share, size) for size, share in pools) < too_many

    if too_many <= 0 or falls_short(1.0):
        return shares
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if falls_short(middle) else (low, middle)
    return {key: share * high for key, share in shares.items()}
