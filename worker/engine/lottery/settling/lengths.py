"""Batch size and number of epochs for the data at hand, where the recipe leaves them open."""

from __future__ import annotations

from prunery.screening import lengths
from worker.engine.lottery.bench import Bench


def settle(bench: Bench) -> None:
    """Make both numbers, and say what was chosen."""
    assert bench.dataset is not None
    recipe, examples = bench.recipe, len(bench.dataset.train)
    bench.batch_size = lengths.batch_size(recipe, examples)
    if recipe.training.batch_size == "auto":
        why = f"{examples:,} training examples: at least 20 steps an epoch."
        bench.reporter.decide("training.batch_size", str(bench.batch_size), why)
    if recipe.training.epochs == "auto":
        epochs = lengths.epochs(recipe, examples)
        per_epoch = lengths.steps_per_epoch(recipe, examples)
        why = (
            f"{per_epoch:,} steps an epoch; early stopping ends it sooner where nothing is gained."
        )
        bench.reporter.decide("training.epochs", str(epochs), why)
        training = recipe.training.model_copy(update={"epochs": epochs})
        bench.recipe = recipe.model_copy(update={"training": training})
