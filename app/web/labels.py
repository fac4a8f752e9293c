"""What the specialists' fields are called: beside the field, and in the summary of problems."""

from __future__ import annotations

from prunery.reports.language import Language


def labels(language: Language) -> dict[str, str]:
    """Every field's words by its name."""
    say = language.gettext
    return {
        "name": say("Name of the job"),
        "label_column": say("Column with the answers"),
        "limit": say("Loss allowed, in points"),
        "epochs": say("Epochs of training"),
        "learning_rate": say("Learning rate"),
        "scale": say("Scale of the inputs"),
        "granularity": say("What is removed"),
        "criterion": say("Chosen by"),
        "threshold": say("Threshold"),
        "rounds": say("Rounds"),
        "fraction": say("Removed each round"),
        "rewind": say("Train again from"),
        "start": say("The file holds"),
        "protect": say("Layers to leave alone"),
        "controls": say("Control experiments"),
        "seed": say("Seed"),
        "more": say("Any other field of a recipe"),
    }
