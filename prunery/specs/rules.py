"""What the schema cannot say: combinations of fields that contradict each other.

Each finding names the field and what to write instead. Whatever depends on the model or the data
is judged later, where both are known (`prunery.screening.fit` and the engine).
"""

from __future__ import annotations

from collections.abc import Iterator

from prunery.specs.errors import FieldError, PruneryError
from prunery.specs.recipe import Recipe

NOT_YET_EXPORTS = ("tflite", "tflite_int8", "onnx")
WEIGHT_ONLY = ("snip", "grasp", "synflow")
UNIT_ONLY = ("bias_displacement", "bn_scale", "fpgm", "apoz")


def check(recipe: Recipe) -> None:
    """Raise `not_available_yet` or `recipe_invalid` with every finding at once."""
    unbuilt = tuple(_not_available(recipe))
    if unbuilt:
        raise PruneryError(
            "not_available_yet", "The recipe asks for what is not built yet.", errors=unbuilt
        )
    wrong = tuple(_contradictions(recipe))
    if wrong:
        raise PruneryError("recipe_invalid", "The recipe contradicts itself.", errors=wrong)


def _not_available(recipe: Recipe) -> Iterator[FieldError]:
    for index, export in enumerate(recipe.exports):
        if export in NOT_YET_EXPORTS:
            yield FieldError(pointer=f"/exports/{index}", message='Only "keras" is built so far.')


def _contradictions(recipe: Recipe) -> Iterator[FieldError]:
    criterion, granularity = recipe.criterion, recipe.granularity
    if (criterion.name == "threshold") != (criterion.threshold is not None):
        yield FieldError(
            pointer="/criterion/threshold",
            message='Goes with criterion.name "threshold", which needs it: a number above 0.',
        )
    if granularity != "unit" and criterion.name in UNIT_ONLY:
        yield FieldError(
            pointer="/criterion/name",
            message=f'{criterion.name!r} ranks units: set granularity to "unit".',
        )
    if (granularity == "block") != (recipe.block_shape is not None):
        yield FieldError(
            pointer="/block_shape", message='Goes with granularity "block": [rows, columns].'
        )
    if (granularity == "n:m") != (recipe.n_m is not None):
        yield FieldError(pointer="/n_m", message='Goes with granularity "n:m": for example [2, 4].')
    if recipe.n_m is not None and recipe.n_m[0] >= recipe.n_m[1]:
        yield FieldError(pointer="/n_m", message="n of every m are kept, so n must be below m.")
    if granularity == "unit" and recipe.objective.density is not None:
        yield FieldError(
            pointer="/objective/density",
            message='Counts weights: use parameters_ratio, or granularity "weight".',
        )
    if granularity != "unit" and "random_units" in recipe.controls:
        yield FieldError(pointer="/controls", message='Use "random_mask" with weight granularity.')
    if granularity == "unit" and "random_mask" in recipe.controls:
        yield FieldError(pointer="/controls", message='Use "random_units" with unit granularity.')
    if recipe.schedule.early_bird and recipe.objective.max_metric_drop is not None:
        yield FieldError(
            pointer="/schedule/early_bird",
            message="Ends the dense training early: no drop can be held against it; set objective.",
        )
    if recipe.rewind.at and recipe.rewind.to not in ("step", "epoch"):
        yield FieldError(pointer="/rewind/at", message='Goes with rewind.to "step" or "epoch".')
    if recipe.rewind.to == "epoch" and _beyond(recipe):
        yield FieldError(
            pointer="/rewind/at", message="Lies beyond the last epoch of the dense training."
        )


def _beyond(recipe: Recipe) -> bool:
    epochs = recipe.training.epochs
    return epochs != "auto" and recipe.rewind.at > epochs


def check_start(recipe: Recipe, *, has_initial_model: bool) -> None:
    """Raise `recipe_invalid` where a rewind point cannot exist for this upload."""
    if recipe.start == "trained" and not has_initial_model and recipe.rewind.to in _NEEDS_PAST:
        message = (
            "A trained upload has no earlier weights to go back to: write "
            '"learning_rate" or "none", or give initial_model.'
        )
        raise PruneryError(
            "recipe_invalid",
            "The rewind point does not exist for this upload.",
            errors=[FieldError(pointer="/rewind/to", message=message)],
        )


_NEEDS_PAST = ("initial", "step", "epoch")
