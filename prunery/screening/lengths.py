"""How long a training is where the recipe leaves it open: batch size and epochs by what is there.

A training is measured in steps: 20 epochs of 60,000 examples are plenty, 20 of 500 are nothing.
Early stopping ends what is longer than it needs to be.
"""

from __future__ import annotations

import math

from prunery.specs.recipe import Recipe

FEWEST_PER_STEP, MOST_PER_STEP = 8, 32
# (fewest epochs, fewest steps) by preset; the rest train as long as `balanced`.
LENGTHS = {"quick": (5, 1_000)}
USUAL = (20, 4_000)
MOST_EPOCHS = 200


def batch_size(recipe: Recipe, examples: int) -> int:
    """The recipe's, or at least 20 steps an epoch."""
    asked = recipe.training.batch_size
    if asked != "auto":
        return asked
    size = MOST_PER_STEP if examples <= 20_000 else 2 * MOST_PER_STEP
    while size > FEWEST_PER_STEP and examples / size < 20:
        size //= 2
    return size


def epochs(recipe: Recipe, examples: int) -> int:
    """Those of the dense training: the recipe's, or enough steps for the data at hand."""
    asked = recipe.training.epochs
    if asked != "auto":
        return asked
    fewest, steps = LENGTHS.get(recipe.preset or "", USUAL)
    return min(max(fewest, math.ceil(steps / steps_per_epoch(recipe, examples))), MOST_EPOCHS)


def steps_per_epoch(recipe: Recipe, examples: int) -> int:
    return math.ceil(examples / batch_size(recipe, examples))


def most_epochs(recipe: Recipe) -> int:
    """What no dense training exceeds, however many examples there turn out to be."""
    asked = recipe.training.epochs
    return MOST_EPOCHS if asked == "auto" else asked


def most_steps(recipe: Recipe, examples: int) -> int:
    """The same in steps; `examples` are the most that there can be."""
    asked = recipe.training.batch_size
    size = FEWEST_PER_STEP if asked == "auto" else asked
    return math.ceil(examples / size) * most_epochs(recipe)
