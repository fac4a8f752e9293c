"""One training plan from recipe, model and data: the same for the dense model, levels, controls."""

from __future__ import annotations

from typing import Any

from worker.engine.lottery.bench import Bench
from worker.engine.lottery.chance import hardly_learned
from worker.engine.training import TrainingPlan, optimizers

MOST_PATIENCE = 20


def training_plan(
    bench: Bench, *, epochs: int, schedule: str, seed: int, **changes: Any
) -> TrainingPlan:
    """A plan with a fresh optimizer of the user's kind."""
    training = bench.recipe.training
    assert bench.dataset is not None
    return TrainingPlan(
        **{
            "optimizer": optimizers.make(bench.loaded.compile_config, training),
            "loss": bench.loss,
            "loss_weights": bench.facts.get("loss_weights"),
            "epochs": epochs,
            "batch_size": bench.batch_size,
            "metric": bench.metric,
            "gauge": bench.gauge,
            "schedule": schedule,
            "recalibrate_batch_norm": schedule == "constant_ema",
            "early_stopping": training.early_stopping and len(bench.dataset.validation) > 0,
            "patience": min(max(3, round(epochs / 4)), MOST_PATIENCE),
            "guessing": hardly_learned(bench),
            "class_weight": bench.facts.get("class_weight"),
            "precision": training.precision,
            "loop": bench.loop,
            "seed": seed,
            **changes,
        }
    )


def distillation_share(bench: Bench) -> float:
    """The teacher's share in every retraining: all of it where there are no labels, else none.

    With labels a teacher is a trial at the chosen level only (`distilling`).
    """
    return 0.0 if bench.loss is not None else 1.0


def retrain_epochs(bench: Bench, dense_epochs: int) -> int:
    """As many epochs as the dense model could have had; early stopping ends what gains no more.

    Small networks learn more slowly: where patience ends a training, none is cut off where the
    dense one happened to stop. Where it does not, all get what the dense one got, unless that was
    stopped because its mask had settled: that says nothing of how long a training takes.
    """
    training = bench.recipe.training
    if training.retrain_epochs != "auto":
        return training.retrain_epochs
    data = bench.dataset
    patient = training.early_stopping and data is not None and len(data.validation) > 0
    whole = patient or bench.recipe.schedule.early_bird
    return epochs_of(bench) if whole else dense_epochs or epochs_of(bench)


def epochs_of(bench: Bench) -> int:
    """Epochs of the dense training, a number once the data are known (`lengths`)."""
    epochs = bench.recipe.training.epochs
    assert epochs != "auto"
    return epochs
