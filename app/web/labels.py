"""What the specialists' fields are called: beside the field, and in the summary of problems."""

from __future__ import annotations

from app.web import fields
from prunery.reports.language import Language


def labels(language: Language) -> dict[str, str]:
    """Every field's words by its name."""
    say = language.gettext
    return {
        "model": say("Your model"),
        "dataset": say("Your examples"),
        "name": say("Name of the job"),
        "label_column": say("Column with the answers"),
        "initial": say("The model before it was trained"),
        "limit": say("Loss allowed, in points"),
        "parameters": say("Numbers left, as a share"),
        "flops": say("Operations left, as a share"),
        "density": say("Weights left, as a share"),
        "latency": say("Time for one answer, as a share"),
        "size_bytes": say("Size of the file, in bytes"),
        "granularity": say("What is removed"),
        "block_shape": say("Size of a block"),
        "n_m": say("N and M"),
        "criterion": say("Chosen by"),
        "threshold": say("Threshold"),
        "norm": say("Norm"),
        "over": say("Measured over"),
        "scope": say("Ranked"),
        "layer_fractions": say("Shares of single layers"),
        "protect": say("Layers to leave alone"),
        "minimum_kept": say("Kept in every layer, at least"),
        "round_to": say("Counts in multiples of"),
        "approximate": say("Also where answers change a little"),
        "schedule": say("Steps"),
        "rounds": say("Rounds"),
        "fraction": say("Removed each round"),
        "output_fraction": say("Removed from the last layer each round"),
        "early_bird": say("Stop learning once the choice has settled"),
        "start": say("The file holds"),
        "rewind": say("Train again from"),
        "rewind_at": say("Step or epoch to go back to"),
        "rescale": say("Bring old weights to the new scale"),
        "scale": say("Scale of the inputs"),
        "resize": say("Photos of another size"),
        "labels": say("Answers are"),
        "epochs": say("Epochs of training"),
        "retrain_epochs": say("Epochs of training again"),
        "batch_size": say("Examples in a batch"),
        "early_stopping": say("Stop when nothing is gained"),
        "optimizer": say("Optimizer"),
        "learning_rate": say("Learning rate"),
        "rate_schedule": say("Course of the learning rate"),
        "loss": say("Loss"),
        "metric": say("Judged by"),
        "class_weight": say("Weights of the kinds"),
        "distillation": say("Learn from the old model, share"),
        "precision": say("Precision of the arithmetic"),
        "controls": say("Control experiments"),
        "controls_on": say("Control experiments on"),
        "replicates": say("Repeated runs"),
        "seed": say("Seed"),
        "more": say("Any other field of a recipe"),
    }


def how_to_write(language: Language, name: str) -> str:
    """What to write in a field whose text says nothing."""
    say = language.gettext
    words: dict[fields.Reader, str] = {
        fields.sizes: say("Write two numbers, such as 2, 4."),
        fields.shares: say("Write name=number, separated by commas."),
        fields.weights: say("Write name=number, separated by commas."),
        fields.whole: say("Write a JSON object."),
    }
    return words.get(fields.BY_NAME[name].read, say("Write a number."))
