"""How long a job may take, told before it starts: a range, from what is known of model and data.

A training is counted in passes of one example through the dense network. What a job needs of them
lies between a ladder that finds its answer early and one that goes all the way down.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from prunery.screening import lengths, splits
from prunery.specs.base import Wire
from prunery.specs.datasets import DatasetOptions, DatasetSummary
from prunery.specs.models import ModelSummary
from prunery.specs.recipe import Recipe

# Measured on two cores: whole jobs of small tasks (docs/measurements.md).
FLOPS_PER_SECOND = 2e10
SECONDS_PER_STEP = 4e-4
# Of images, series and texts each layer is held up at each step, however little it computes: 10 of
# the 12.5 ms that `fit` takes for a step of 25 small layers, 12 of 17, 15 of 34 (38 layers).
SECONDS_PER_LAYER_STEP = 4e-4
# Judging, averages, what is kept of each.
SECONDS_PER_EPOCH = 0.04
SECONDS_PER_JOB = 6.0
SECONDS_PER_LEVEL = 0.5
SECONDS_PER_LAYER = 0.05
# A pass forward and back is three forward; small nets are held up by more than arithmetic.
PASSES = 3
LEAST_OF_DENSE = 0.3
# Trainings more than levels, as of the dense network: a size that misses is tried in several ways.
MISSED = 2.0
# How much of its epochs a training has where early stopping may end it.
STOPPED = (0.25, 0.8)
USUAL_LEVELS = (3, 8)
FEWEST_JOBS = 3
ALIKE = 8.0


class Duration(Wire):
    """A job takes about `least` to `most` seconds once it runs.

    measured_jobs: how many finished jobs of this service the figure was corrected by.
    """

    least_seconds: float
    most_seconds: float
    measured_jobs: int = 0

    @property
    def middle(self) -> float:
        return math.sqrt(self.least_seconds * self.most_seconds)


@dataclass(frozen=True)
class Span:
    """The least and the most of something; a plain number is both."""

    least: float
    most: float

    def __add__(self, other: Span | float) -> Span:
        return Span(self.least + _span(other).least, self.most + _span(other).most)

    def __mul__(self, other: Span | float) -> Span:
        return Span(self.least * _span(other).least, self.most * _span(other).most)


def _span(value: Span | float) -> Span:
    return value if isinstance(value, Span) else Span(value, value)


def estimate(
    model: ModelSummary, dataset: DatasetSummary | None, options: DatasetOptions, recipe: Recipe
) -> Duration:
    """The range for this recipe on a machine like the one it was measured on."""
    levels = _levels(recipe)
    made = (levels + 1) * (SECONDS_PER_LEVEL + SECONDS_PER_LAYER * model.layers)
    seconds = made + SECONDS_PER_JOB
    if dataset is not None and recipe.training.epochs:
        examples = training_examples(dataset, options)
        epochs = lengths.epochs(recipe, examples)
        arithmetic, held_up = _epoch(model, recipe, examples)
        seconds += _trainings(recipe, levels, LEAST_OF_DENSE) * epochs * arithmetic
        seconds += _trainings(recipe, levels, 1.0) * epochs * held_up
    return Duration(least_seconds=seconds.least, most_seconds=seconds.most)


def corrected(expected: Duration, finished: Iterable[tuple[Duration, float]]) -> Duration:
    """The range by what jobs of about this length took here.

    Args:
        finished: what was expected of each finished job, and the seconds that it took.
    """
    paces = [
        took / one.middle
        for one, took in finished
        if 1 / ALIKE <= one.middle / expected.middle <= ALIKE
    ]
    if len(paces) < FEWEST_JOBS:
        return expected
    pace = median(paces)
    return Duration(
        least_seconds=expected.least_seconds * pace,
        most_seconds=expected.most_seconds * pace,
        measured_jobs=len(paces),
    )


def training_examples(dataset: DatasetSummary, options: DatasetOptions) -> int:
    """How many are left for training once what is missing was drawn from them."""
    given = dataset.examples
    examples = given.get("train") or sum(given.values())
    return max(1, round(examples * (1 - sum(splits.drawn(options, given).values()))))


def _epoch(model: ModelSummary, recipe: Recipe, examples: int) -> tuple[float, float]:
    """Seconds of arithmetic in an epoch of the dense network, and of all that no cut makes less."""
    flops = model.flops or 2 * model.parameters
    step = SECONDS_PER_STEP
    if any(len(tensor.shape) > 1 or tensor.entries for tensor in model.inputs):
        step += SECONDS_PER_LAYER_STEP * model.layers
    steps = lengths.steps_per_epoch(recipe, examples)
    return PASSES * flops * examples / FLOPS_PER_SECOND, steps * step + SECONDS_PER_EPOCH


def _trainings(recipe: Recipe, levels: Span, least: float) -> Span:
    """How many dense trainings the whole job is worth; none costs less than `least` of one."""
    training = recipe.training
    level = Span(_ladder(recipe, levels.least, least), _ladder(recipe, levels.most, least))
    if training.schedule == "auto" or recipe.rewind.to == "auto":
        level += Span(0, MISSED)
    controls = len(recipe.controls) * 0.5
    level += _span(levels if recipe.controls_on == "every" else 1) * controls
    if training.distillation:
        level += Span(0, 0.6)
    level *= _retraining(recipe)
    # An upload that turns out to be trained is not trained again.
    dense = {"trained": Span(0, 0), "auto": Span(0, 1)}.get(recipe.start, Span(1, 1))
    stopped = Span(*STOPPED) if training.early_stopping else Span(1, 1)
    return (dense + level) * stopped * recipe.replicates


def _retraining(recipe: Recipe) -> float:
    """A level's epochs by those of the dense network, where both are numbers."""
    dense, again = recipe.training.epochs, recipe.training.retrain_epochs
    return 1.0 if "auto" in (dense, again) else float(again) / max(1.0, float(dense))


def _ladder(recipe: Recipe, levels: float, least: float) -> float:
    """Trainings of so many levels; a net with fewer units is cheaper, one with a mask is not."""
    if recipe.granularity != "unit":
        return levels
    left = 1 - recipe.schedule.pruning_fraction
    return sum(max(least, left**k) for k in range(1, math.ceil(levels) + 1))


def _levels(recipe: Recipe) -> Span:
    """How many levels there may be until the answer is known."""
    rounds, objective = recipe.schedule.rounds, recipe.objective
    if recipe.criterion.name == "threshold" or recipe.granularity == "n:m":
        return Span(1, 1)
    ratios = (objective.density, objective.parameters_ratio, objective.flops_ratio)
    targets = [ratio for ratio in ratios if ratio is not None]
    if targets:
        needed = math.log(min(targets)) / math.log(1 - recipe.schedule.pruning_fraction)
        rounds = min(rounds, math.ceil(needed))
    if objective.max_metric_drop is None:
        return Span(rounds, rounds)
    return Span(min(rounds, USUAL_LEVELS[0]), min(rounds, USUAL_LEVELS[1]))
