"""What the schema cannot say: combinations of fields that contradict each other.

Each finding names the field and what to write instead. Whatever depends on the model or the data
is judged later, where both are known (`prunery.screening.fit` and the engine).
"""

from __future__ import annotations

from collections.abc import Iterator

from prunery.specs.errors import FieldError, PruneryError, pointer_to
from prunery.specs.recipe import Recipe, Training

NOT_YET_EXPORTS = ("tflite", "tflite_int8", "onnx")
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
    if not recipe.exports:
        yield FieldError(
            pointer="/exports", message='The Keras file is always made: write ["keras"].'
        )


def _contradictions(recipe: Recipe) -> Iterator[FieldError]:
    yield from _granularity(recipe)
    yield from _criterion(recipe)
    yield from _layers(recipe)
    yield from _controls(recipe)
    yield from _rewind(recipe)
    yield from _early_bird(recipe)
    yield from _limit(recipe)
    if recipe.training.epochs == 0:
        yield from _without_training(recipe)
    elif recipe.training.retrain_epochs == 0:
        yield from _without_retraining(recipe)


def _limit(recipe: Recipe) -> Iterator[FieldError]:
    drop = recipe.objective.max_metric_drop
    if drop is not None and drop > 1:
        yield FieldError(
            pointer="/objective/max_metric_drop",
            message=f"Is a share, not percent: for {drop:g} points write {drop / 100:g}.",
        )


def _granularity(recipe: Recipe) -> Iterator[FieldError]:
    granularity = recipe.granularity
    if (granularity == "block") != (recipe.block_shape is not None):
        yield FieldError(
            pointer="/block_shape", message='Goes with granularity "block": [rows, columns].'
        )
    if (granularity == "n:m") != (recipe.n_m is not None):
        yield FieldError(pointer="/n_m", message='Goes with granularity "n:m": for example [2, 4].')
    if recipe.n_m is not None and recipe.n_m[0] >= recipe.n_m[1]:
        yield FieldError(pointer="/n_m", message="n of every m are kept, so n must be below m.")
    if granularity == "n:m":
        yield from _n_of_m(recipe)
    if granularity == "unit" and recipe.objective.density is not None:
        yield FieldError(
            pointer="/objective/density",
            message='Counts weights: use parameters_ratio, or granularity "weight".',
        )
    if granularity == "unit" and recipe.schedule.output_layer_fraction is not None:
        yield FieldError(
            pointer="/schedule/output_layer_fraction",
            message="The output layer's units are the model's answers: write null.",
        )
    if granularity != "unit" and recipe.round_to > 1:
        yield FieldError(
            pointer="/round_to", message='Counts units: write 1, or set granularity to "unit".'
        )


def _n_of_m(recipe: Recipe) -> Iterator[FieldError]:
    """n of m is the same everywhere: a layer keeps it, or is protected."""
    message = "n_m says how much stays in every layer: leave it out, or name the layer in protect."
    if any(recipe.layer_fractions.values()):
        yield FieldError(pointer="/layer_fractions", message=message)
    if recipe.schedule.output_layer_fraction:
        yield FieldError(pointer="/schedule/output_layer_fraction", message=message)
    if recipe.scope == "sensitivity":
        message = 'n_m says how much stays in every layer: write "global" or "layer".'
        yield FieldError(pointer="/scope", message=message)
    if recipe.criterion.name == "threshold":
        message = 'n_m says how much stays, whatever its size: write "magnitude".'
        yield FieldError(pointer="/criterion/name", message=message)
    if recipe.n_m is not None and recipe.minimum_kept > recipe.n_m[0] / recipe.n_m[1]:
        share = recipe.n_m[0] / recipe.n_m[1]
        message = f"Keeps more than n_m leaves: write at most {share:g}."
        yield FieldError(pointer="/minimum_kept", message=message)


def _criterion(recipe: Recipe) -> Iterator[FieldError]:
    criterion = recipe.criterion
    if (criterion.name == "threshold") != (criterion.threshold is not None):
        yield FieldError(
            pointer="/criterion/threshold",
            message='Goes with criterion.name "threshold", which needs it: a number above 0.',
        )
    if recipe.granularity != "unit" and criterion.name in UNIT_ONLY:
        yield FieldError(
            pointer="/criterion/name",
            message=f'{criterion.name!r} ranks units: set granularity to "unit".',
        )


def _layers(recipe: Recipe) -> Iterator[FieldError]:
    for path, share in recipe.layer_fractions.items():
        inside = share and any(path.startswith(f"{one}/") for one in recipe.protect)
        if inside or path in recipe.protect:
            yield FieldError(
                pointer=pointer_to("layer_fractions", path),
                message="This layer is protected, too: name it in one of the two.",
            )
    if recipe.minimum_kept == 1:
        yield FieldError(
            pointer="/minimum_kept", message="Then nothing could go: write less than 1."
        )
    density = recipe.objective.density
    if density is not None and density < recipe.minimum_kept < 1:
        message = f"Every layer keeps {recipe.minimum_kept:g}: write more, or lower minimum_kept."
        yield FieldError(pointer="/objective/density", message=message)


def _controls(recipe: Recipe) -> Iterator[FieldError]:
    if recipe.granularity != "unit" and "random_units" in recipe.controls:
        yield FieldError(pointer="/controls", message='Use "random_mask" with weight granularity.')
    if recipe.granularity == "unit" and "random_mask" in recipe.controls:
        yield FieldError(pointer="/controls", message='Use "random_units" with unit granularity.')
    for index, control in enumerate(recipe.controls):
        if control in recipe.controls[:index]:
            yield FieldError(pointer=f"/controls/{index}", message="Named before: leave it out.")


def _rewind(recipe: Recipe) -> Iterator[FieldError]:
    rewind = recipe.rewind
    if rewind.at and rewind.to not in ("step", "epoch"):
        yield FieldError(pointer="/rewind/at", message='Goes with rewind.to "step" or "epoch".')
    if rewind.to == "epoch" and _beyond(recipe):
        yield FieldError(
            pointer="/rewind/at",
            message="Leaves nothing to train: write less than training.epochs and retrain_epochs.",
        )
    if rewind.rescale_init is True and recipe.granularity != "unit":
        yield FieldError(
            pointer="/rewind/rescale_init",
            message='Only a smaller net has another scale: write "auto", or granularity "unit".',
        )
    if rewind.rescale_init is True and rewind.to not in ("auto", "initial"):
        yield FieldError(
            pointer="/rewind/rescale_init",
            message='Rescales initial weights: write "auto", or set rewind.to to "initial".',
        )


def _early_bird(recipe: Recipe) -> Iterator[FieldError]:
    if not recipe.schedule.early_bird:
        return
    if recipe.objective.max_metric_drop is not None:
        yield FieldError(
            pointer="/schedule/early_bird",
            message="Ends the dense training early: no drop can be held against it; set objective.",
        )
    if recipe.start == "trained" or recipe.training.epochs == 0:
        yield FieldError(
            pointer="/schedule/early_bird",
            message="Ends the dense training, and here there is none: write false.",
        )


def _without_training(recipe: Recipe) -> Iterator[FieldError]:
    """Presets give way to `training.epochs: 0`; what a person asked for is not passed over."""
    yield from _nothing_trained_again(recipe, "training.epochs")
    if recipe.replicates > 1:
        message = "Without training (training.epochs is 0) every run is the same: write 1."
        yield FieldError(pointer="/replicates", message=message)
    if recipe.training.retrain_epochs not in ("auto", 0):
        message = (
            "Nothing is trained at all while training.epochs is 0: write 0 here, too; or, to train "
            'only the smaller sizes of a trained model, set start to "trained".'
        )
        yield FieldError(pointer="/training/retrain_epochs", message=message)


def _without_retraining(recipe: Recipe) -> Iterator[FieldError]:
    """Weights that went back and are not trained again have learned nothing."""
    yield from _nothing_trained_again(recipe, "training.retrain_epochs")


def _nothing_trained_again(recipe: Recipe, field: str) -> Iterator[FieldError]:
    if recipe.rewind.to != "none":
        message = f'Nothing is trained again ({field} is 0): write "none".'
        yield FieldError(pointer="/rewind/to", message=message)
    if recipe.training.distillation:
        message = f"Nobody learns from the dense model ({field} is 0): write 0."
        yield FieldError(pointer="/training/distillation", message=message)
    if recipe.controls:
        message = f"Controls are trained, and {field} is 0: write []."
        yield FieldError(pointer="/controls", message=message)


def _beyond(recipe: Recipe) -> bool:
    """Whether a level, whose epochs count from the beginning, would start at its end."""
    epochs = shortest(recipe.training)
    return epochs is not None and recipe.rewind.at >= epochs


def shortest(training: Training) -> int | None:
    """The fewest epochs that the dense model or a level is given; None where both are left open."""
    given = [n for n in (training.epochs, training.retrain_epochs) if n != "auto"]
    return min(given, default=None)


def check_inputs(recipe: Recipe, *, has_initial_model: bool, has_dataset: bool) -> None:
    """Raise `recipe_invalid` for what the files given with the recipe rule out."""
    wrong = [*_past(recipe, has_initial_model=has_initial_model)]
    if not has_dataset:
        wrong += _needs_data(recipe)
    if wrong:
        raise PruneryError(
            "recipe_invalid", "The recipe does not go with the files given.", errors=wrong
        )


def _past(recipe: Recipe, *, has_initial_model: bool) -> Iterator[FieldError]:
    if has_initial_model and recipe.start in ("untrained", "reinitialize"):
        message = 'initial_model goes with a trained upload: write "trained" or "auto".'
        yield FieldError(pointer="/start", message=message)
    if has_initial_model and recipe.start == "trained" and recipe.rewind.to in ("step", "epoch"):
        message = 'Of the past only initial_model is known: write "initial".'
        yield FieldError(pointer="/rewind/to", message=message)
    if has_initial_model or recipe.start != "trained":
        return
    if recipe.rewind.to in _NEEDS_PAST:
        message = (
            "A trained upload has no earlier weights to go back to: write "
            '"learning_rate" or "none", or give initial_model.'
        )
        yield FieldError(pointer="/rewind/to", message=message)
    if recipe.criterion.name == "movement":
        message = (
            "Nobody knows how far the weights of a trained upload have come: write "
            '"magnitude", or give initial_model.'
        )
        yield FieldError(pointer="/criterion/name", message=message)


def _needs_data(recipe: Recipe) -> Iterator[FieldError]:
    if recipe.criterion.name in _LOOKS_AT_DATA:
        message = 'Looks at examples: give a dataset, or write "magnitude".'
        yield FieldError(pointer="/criterion/name", message=message)
    if recipe.scope == "sensitivity":
        message = 'Measures with examples: give a dataset, or write "global".'
        yield FieldError(pointer="/scope", message=message)
    if recipe.objective.max_metric_drop is not None:
        message = "Measured on examples: give a dataset, or leave it out."
        yield FieldError(pointer="/objective/max_metric_drop", message=message)


_NEEDS_PAST = ("initial", "step", "epoch")
NEEDS_LABELS = ("snip", "grasp", "taylor")
_LOOKS_AT_DATA = (*NEEDS_LABELS, "apoz")
