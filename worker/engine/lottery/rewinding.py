"""Where a round's training starts, and how the rate runs from there: the arms of a round.

The first arm is what the net's kind suggests; where we are unsure the others are tried on
validation, at equal epochs, and the best arm is kept for the levels after it: at the first level,
or, where steps adapt to a limit, at each level that would miss it (near the dense model's size all
arms do well).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from prunery.specs.recipe import Recipe
from worker.engine.lottery.bench import Bench
from worker.engine.lottery.descent import is_adaptive

Rewinding = Literal["initial", "step", "epoch", "learning_rate", "none", "fresh"]
RateSchedule = Literal["from model", "constant_ema", "linear"]


@dataclass(frozen=True)
class Arm:
    """`rewind` gives the weights, `schedule` the learning rate."""

    rewind: Rewinding
    schedule: RateSchedule

    @property
    def starts_over(self) -> bool:
        """Whether what the dense model and the levels before learned is given up."""
        return self.rewind in ("initial", "step", "epoch", "fresh")

    @property
    def name(self) -> str:
        start = {
            "initial": "rewound to the initial weights",
            "step": "rewound to an early step",
            "epoch": "rewound to an early epoch",
            "learning_rate": "trained weights, learning rate rewound",
            "none": "trained weights, fine-tuned",
            "fresh": "fresh weights",
        }[self.rewind]
        rate = {
            "from model": "the model's own rate",
            "constant_ema": "constant rate with averaged weights",
            "linear": "rate falling to zero",
        }[self.schedule]
        return f"{start}, {rate}"


def arms(bench: Bench) -> list[Arm]:
    """The arms to try, the default first; with steps that adapt, fresh weights are the last.

    Where several starts are tried at level after level, other rates are not: of twenty ladders of
    plain nets a rate falling to zero won none.
    """
    starts = _starts(bench)
    schedules = _schedules(bench)
    found = [Arm(start, schedules[0]) for start in starts]
    if len(starts) == 1 or not is_adaptive(bench.recipe):
        found += [Arm(starts[0], schedule) for schedule in schedules[1:]]
    if bench.trains and is_adaptive(bench.recipe) and bench.recipe.rewind.to == "auto":
        found.append(Arm("fresh", schedules[0]))
    return found


def redraw(bench: Bench, arm: Arm, level: int) -> dict[str, int]:
    """What `trials.train` is told where an arm starts from fresh weights: the seed of the draw."""
    return {"redraw": bench.seed_for("trial", level)} if arm.rewind == "fresh" else {}


def after(arms: list[Arm], won: Arm, lost: Arm | None, recipe: Recipe) -> list[Arm]:
    """The arms of the next level: the winner; where steps adapt, the others after it.

    lost: the last of three or more that were all tried; it is not tried again.
    """
    if not is_adaptive(recipe):
        return [won]
    return [won, *(arm for arm in arms if arm not in (won, lost))]


def gentlest(arms: list[Arm]) -> list[Arm]:
    """The arm for a cut so small that what was learned is worth keeping."""
    return sorted(arms, key=lambda arm: arm.starts_over)[:1]


def dense_schedule(bench: Bench) -> RateSchedule:
    """The dense model's own schedule: what the levels will be held against."""
    return _schedules(bench)[0]


def _starts(bench: Bench) -> list[Rewinding]:
    asked = bench.recipe.rewind.to
    if asked != "auto":
        return [asked]
    is_plain = not (bench.summary.has_normalization or bench.summary.has_residuals)
    if bench.trained and is_plain and "initial" in bench.facts:
        why = "A plain net whose initial weights are known: both are tried."
        bench.reporter.decide("rewind.to", "none or initial", why)
        return ["none", "initial"]
    if bench.trained:
        why = "A trained upload has no earlier weights: its trained weights are trained on."
        bench.reporter.decide("rewind.to", "none", why)
        return ["none"]
    if not is_plain:
        why = (
            "With normalisation or residuals, going back to the initial weights loses to training "
            "on (arXiv:2003.02389): trained weights, the dense rate again."
        )
        bench.reporter.decide("rewind.to", "learning_rate", why)
        return ["learning_rate"]
    why = "A plain net may do better from either: where one misses the limit, the other is tried."
    if not is_adaptive(bench.recipe):
        why = "A plain net: both are tried at the first level and the better one is kept."
    bench.reporter.decide("rewind.to", "initial or none", why)
    return ["initial", "none"]


def _schedules(bench: Bench) -> list[RateSchedule]:
    asked = bench.recipe.training.schedule
    if asked != "auto":
        return [asked]
    if not bench.judges or not len(bench.judged_split):
        return ["constant_ema"]
    return ["constant_ema", "linear"]
