"""Batch size and number of epochs for the data at hand, where the recipe leaves them open.

A training is measured in steps: 20 epochs of 60,000 examples are plenty, 20 of 500 are nothing.
Early stopping ends what is longer than it needs to be.
"""

from __future__ import annotations

import math

from worker.engine.lottery.bench import Bench

MOST_PER_STEP = 32
# (fewest epochs, fewest steps) by preset; the rest train as long as `balanced`.
LENGTHS = {"quick": (5, 1_000)}
USUAL = (20, 4_000)
MOST_EPOCHS = 200


def settle(bench: Bench) -> None:
    """Make both numbers, and say what was chosen."""
    assert bench.dataset is not None
    examples = len(bench.dataset.train)
    bench.batch_size = _batch_size(bench, examples)
    if bench.recipe.training.epochs == "auto":
        epochs = _epochs(bench, examples)
        training = bench.recipe.training.model_copy(update={"epochs": epochs})
        bench.recipe = bench.recipe.model_copy(update={"training": training})


def _batch_size(bench: Bench, examples: int) -> int:
    asked = bench.recipe.training.batch_size
    if asked != "auto":
        return asked
    size = MOST_PER_STEP if examples <= 20_000 else 2 * MOST_PER_STEP
    while size > 8 and examples / size < 20:
        size //= 2
    why = f"{examples:,} training examples: at least 20 steps an epoch."
    bench.reporter.decide("training.batch_size", str(size), why)
    return size


def _epochs(bench: Bench, examples: int) -> int:
    fewest, steps = LENGTHS.get(bench.recipe.preset or "", USUAL)
    per_epoch = math.ceil(examples / bench.batch_size)
    epochs = min(max(fewest, math.ceil(steps / per_epoch)), MOST_EPOCHS)
    why = f"{per_epoch:,} steps an epoch; early stopping ends it sooner where nothing is gained."
    bench.reporter.decide("training.epochs", str(epochs), why)
    return epochs
