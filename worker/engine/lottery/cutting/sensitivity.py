"""A sensitivity scan: how much each group (or layer) alone can lose, and the fractions that follow.

Every group is cut alone, to several depths, without retraining; what validation loses by it says
how much of a round's cut the group should bear (Li et al. 2017, arXiv:1608.08710, section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

DEPTHS = (0.25, 0.5, 0.75)
# No group bears more than this share of itself in one round, however little it seems to matter.
MOST = 0.8


def scan(
    names: Sequence[str],
    judge: Callable[[str, float], float | None],
    whole: float,
    *,
    higher_is_better: bool,
) -> dict[str, dict[float, float]]:
    """What validation loses when one group alone is cut to each depth; never below 0.

    judge: `judge(name, depth)` is the metric with that share of the group's lowest scores gone.
    whole: the metric with nothing gone.
    """
    sign = 1.0 if higher_is_better else -1.0
    found: dict[str, dict[float, float]] = {}
    for name in names:
        values = {depth: judge(name, depth) for depth in DEPTHS}
        found[name] = {
            depth: max(0.0, sign * (whole - value))
            for depth, value in values.items()
            if value is not None
        }
    return found


def propose(
    losses: Mapping[str, Mapping[float, float]], sizes: Mapping[str, int], fraction: float
) -> dict[str, float]:
    """Fractions by group, inversely to what its loss is, that remove `fraction` of everything."""
    names = list(losses)
    if not names:
        return {}
    sizes_of = np.array([sizes[name] for name in names], dtype=float)
    mean = np.array([np.mean(list(losses[name].values()) or [0.0]) for name in names])
    ease = 1.0 / (mean + max(float(mean.mean()), 1e-9) / 2)
    low, high = 0.0, MOST / float(ease.min())
    for _ in range(60):
        scale = (low + high) / 2
        removed = float((np.minimum(scale * ease, MOST) * sizes_of).sum() / sizes_of.sum())
        low, high = (scale, high) if removed < fraction else (low, scale)
    return {name: float(min(high * e, MOST)) for name, e in zip(names, ease, strict=True)}
