"""How much goes in round k: one-shot, iterative, or cubic (Zhu & Gupta, arXiv:1710.01878)."""

from __future__ import annotations

from prunery.specs.recipe import Schedule


def kept_share(schedule: Schedule, level: int, fraction: float | None = None) -> float:
    """Share of the dense model's units (or weights) alive after `level` rounds."""
    step = schedule.pruning_fraction if fraction is None else fraction
    if schedule.kind != "cubic":
        return float((1 - step) ** level)
    final = 1 - (1 - step) ** schedule.rounds
    left = 1 - level / schedule.rounds
    return float(1 - final * (1 - left**3))


def round_fraction(schedule: Schedule, level: int, fraction: float | None = None) -> float:
    """The fraction that round `level` removes, of what it starts from.

    That is the last level for `iterative` and `cubic`, and the dense model for `one_shot`.
    """
    now = kept_share(schedule, level, fraction)
    if schedule.kind == "one_shot":
        return 1 - now
    return 1 - now / kept_share(schedule, level - 1, fraction)
