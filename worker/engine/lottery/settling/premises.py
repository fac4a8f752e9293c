"""What a recipe takes for granted, held against model and data before hours are spent."""

from __future__ import annotations

import math
from collections.abc import Iterable

from prunery.screening import asked, reach
from prunery.screening.outputs import better_loss
from prunery.specs.errors import FieldError, of_fields
from prunery.specs.rules import NEEDS_LABELS, shortest
from worker.engine.graph import prunability
from worker.engine.lottery.bench import Bench
from worker.engine.masks import prunable_keys, variable_keys


def check_names(bench: Bench) -> None:
    """Raise `recipe_invalid` where the recipe names what neither Keras nor the model has.

    The same for fractions of layers that have nothing to lose, and where nothing at all could go.
    """
    _refuse([*asked.names(bench.recipe), *asked.against(bench.summary, None, bench.recipe)])
    recipe = bench.recipe
    if recipe.layer_fractions or recipe.protect or recipe.round_to > 1:
        groups = prunability(bench.model, bench.graph).groups
        _refuse(reach.idle(recipe, groups, bench.summary.kernel_paths))


def check_labels(bench: Bench) -> None:
    """Raise `recipe_invalid` where the criterion differentiates a loss that nothing gives."""
    if bench.recipe.criterion.name in NEEDS_LABELS and bench.loss is None:
        message = 'Needs examples with labels: add them, or write "magnitude".'
        _refuse([FieldError(pointer="/criterion/name", message=message)])


def check_loss(bench: Bench) -> None:
    """Raise `recipe_invalid` for a loss that cannot work with these labels and outputs."""
    loss, outputs = bench.recipe.training.loss, bench.summary.outputs
    if bench.dataset is None or loss == "auto" or not bench.trains:
        return
    for end in outputs:
        width = end.shape[0] if len(end.shape) == 1 else None
        labels = bench.dataset.labels_of.get(end.name, "none")
        message = width and better_loss(loss, labels, width, len(outputs))
        if message:
            _refuse([FieldError(pointer="/training/loss", message=message)])


def check_rewind_point(bench: Bench) -> None:
    """Raise `recipe_invalid` for a point that leaves nothing to train; lengths are known now."""
    epochs, rewind = shortest(bench.recipe.training), bench.recipe.rewind
    if bench.dataset is None or not epochs:
        return
    steps = math.ceil(len(bench.dataset.train) / bench.batch_size) * epochs
    message = asked.too_late(rewind, epochs, steps)
    if message is not None:
        _refuse([FieldError(pointer="/rewind/at", message=message)])


def check_past(bench: Bench) -> None:
    """Hold the recipe against a past that an upload, found to be trained, may not have.

    Raises `recipe_invalid` where it shall be rewound to weights that nobody knows; warns where
    movement cannot be seen.
    """
    unknown = ("step", "epoch") if "initial" in bench.facts else ("initial", "step", "epoch")
    if bench.trained and bench.trains and bench.recipe.rewind.to in unknown:
        message = (
            "The upload is trained, and has no such weights to go back to: write "
            '"learning_rate" or "none", or set start to "untrained" or "reinitialize".'
        )
        _refuse([FieldError(pointer="/rewind/to", message=message)])
    if bench.recipe.criterion.name == "movement" and bench.trained and "initial" not in bench.facts:
        why = "The upload is trained and its initial weights are unknown: ranked by magnitude."
        bench.reporter.warn("criterion", why)


def tell_frozen(bench: Bench) -> None:
    """Warn of layers that are cut and cannot learn to do without what went."""
    kernels = variable_keys(bench.model)
    frozen = {key for key in prunable_keys(bench.model) if not kernels[key].trainable}
    cut = {one.key for group in bench.graph.groups.values() for one in group.slices}
    paths = dict.fromkeys(key.rsplit("/", 1)[0] for key in kernels if key in frozen & cut)
    protect = bench.recipe.protect
    layers = [one for one in paths if not any(reach.covers(path, one) for path in protect)]
    if layers and bench.trains:
        some = ", ".join(layers)[:200]
        bench.reporter.warn(
            "frozen",
            f"Some layers are frozen, and what is left of them is not trained again: {some}. More "
            "may go with trainable set to True before the model is saved; or name them in protect.",
        )


def _refuse(found: Iterable[FieldError]) -> None:
    errors = list(found)
    if errors:
        raise of_fields(errors)
