"""A dense model that has learned nothing: said after level 0, before hours go into its levels."""

from __future__ import annotations

import numpy as np

from prunery.specs.report import Interval
from worker.engine import evaluation
from worker.engine.evaluation import Metric
from worker.engine.lottery.bench import Bench

# On fewer examples an interval is too wide to tell a weak model from none.
ENOUGH = 100
# Of the way from guessing to knowing all: what luck on few examples hardly reaches.
HEADWAY = 0.1


def hardly_learned(bench: Bench) -> float | None:
    """The validation figure of a net that has hardly begun to learn; None where none is judged.

    Worked out once a job: labels may be large.
    """
    if "hardly_learned" not in bench.facts:
        bench.facts["hardly_learned"] = _hardly_learned(bench)
    found: float | None = bench.facts["hardly_learned"]
    return found


def _hardly_learned(bench: Bench) -> float | None:
    if bench.metric is None or bench.dataset is None or not len(bench.dataset.validation):
        return None
    if bench.gauge is not bench.metric:
        return HEADWAY  # a skill is this share of the way itself
    guessing = evaluation.baseline(bench.metric, bench.dataset.validation.y)
    if not np.isfinite(guessing):
        return None
    if bench.metric.higher_is_better:
        return guessing + HEADWAY * max(0.0, 1.0 - guessing)
    return guessing * (1.0 - HEADWAY)


def is_at_chance(bench: Bench, metric: Metric | None, found: Interval | None) -> bool:
    """Whether `found`, a figure of the dense model on validation, is no better than guessing.

    Guessing is the best constant answer. The doubt goes to the model: on few examples its figure
    alone must be no better; only on enough of them must the whole interval lie beyond guessing.
    """
    if metric is None or bench.dataset is None or not bench.trains or found is None:
        return False
    split = bench.judged_split
    guessing = evaluation.baseline(metric, split.y)
    near = found.low if metric.higher_is_better else found.high
    value = near if len(split) >= ENOUGH else found.value
    return not metric.better(value, guessing)
