"""Do this model, this dataset and this recipe go together? Judged at job creation, before queueing.

Only what is certain is refused here; the engine judges again with the arrays before its eyes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from prunery.screening import answers, asked, class_weights, outputs, reach, roles
from prunery.screening.answers import Answers
from prunery.screening.outputs import Output
from prunery.screening.shapes import Shape, same, text
from prunery.screening.splits import Split
from prunery.specs import metrics, rules
from prunery.specs.datasets import ArrayInfo, DatasetSummary
from prunery.specs.errors import FieldError, PruneryError, of_fields
from prunery.specs.models import ModelSummary, Prunability, TaskKind, TensorInfo
from prunery.specs.recipe import Recipe

# Where findings of the files point; all others point into the recipe.
FILES = "/dataset"


def match(
    model: ModelSummary,
    dataset: DatasetSummary | None,
    recipe: Recipe,
    prunability: Prunability | None = None,
) -> list[FieldError]:
    """Every finding, as pointers into the recipe, or to the files: `/dataset/x`."""
    found = [*asked.names(recipe), *asked.against(model, dataset, recipe)]
    if prunability is not None and not any("/layer_fractions/" in one.pointer for one in found):
        found += reach.idle(recipe, prunability.groups, model.kernel_paths)
    return [*_data(model, dataset, recipe), *found]


def require(
    model: ModelSummary,
    dataset: DatasetSummary | None,
    recipe: Recipe,
    prunability: Prunability | None = None,
) -> None:
    """Raise every finding: `recipe_invalid` where only the recipe is wrong, `dataset_mismatch`."""
    wrong = match(model, dataset, recipe, prunability)
    if wrong:
        of_recipe = not any(error.pointer.startswith(FILES) for error in wrong)
        raise of_fields(wrong, "recipe_invalid" if of_recipe else "dataset_mismatch")


def past(model: ModelSummary, initial: ModelSummary) -> FieldError | None:
    """What shows that one is no earlier state of the other; layers are known by their names."""
    missing = [path for path in model.kernel_paths if path not in initial.kernel_paths]
    if not missing and initial.parameters >= model.parameters:
        return None
    lacks = f"no layer {missing[0][:80]!r} with weights" if missing else "fewer weights"
    message = f"It has {lacks}: give the same architecture, saved before it was trained."
    return FieldError(pointer="/initial_model", message=message)


def _data(
    model: ModelSummary, dataset: DatasetSummary | None, recipe: Recipe
) -> Iterator[FieldError]:
    if dataset is None:
        if recipe.training.epochs:
            message = "Needed unless recipe.training.epochs is 0."
            yield FieldError(pointer="/dataset", message=message)
        return
    splits: dict[Split, dict[str, ArrayInfo]] = {}
    for info in dataset.arrays:
        splits.setdefault(info.split, {})[info.name] = info
    arrays = splits.get("train") or splits.get("all") or {}
    ends = outputs.of(model, recipe.training.loss)
    shapes = {name: info.shape[1:] for name, info in arrays.items()}
    try:
        found = roles.assign(shapes, model, dataset.columns or (), outputs.unasked(ends))
    except PruneryError as error:
        # Which input of several takes pictures is told by their size, which is settled later.
        if dataset.format != "image_folders" or len(model.inputs) == 1:
            yield from error.errors
        return
    yield from roles.lacking(found, splits)
    for tensor in model.inputs:
        info = arrays[found.inputs[tensor.name]]
        if tensor.name in (dataset.columns or ()) and info.name == "x":
            continue  # a column of a table is one number
        yield from _input(tensor, info, dataset)
    if not found.outputs:
        yield from _unlabelled(model, recipe)
    else:
        yield from _labelled(model, dataset, recipe, ends, arrays, found)


def _input(tensor: TensorInfo, info: ArrayInfo, dataset: DatasetSummary) -> Iterator[FieldError]:
    found = info.shape[1:]
    if info.dtype == "string":
        message = "holds texts: turn them into numbers before uploading."
        yield FieldError(pointer=f"/dataset/{info.name}", message=message)
    elif dataset.format == "image_folders":
        if len(tensor.shape) not in (2, 3):
            message = f"The model takes examples of shape {text(tensor.shape)}, not images."
            yield FieldError(pointer="/dataset", message=message)
    elif not (same(found, tensor.shape) or _up_to_ones(found, tensor.shape)):
        message = f"expected examples of shape {text(tensor.shape)}, found {text(found)}"
        yield FieldError(
            pointer=f"/dataset/{info.name}", message=message + _mend(found, tensor.shape)
        )
    elif beyond := beyond_table(tensor, info.minimum, info.maximum):
        expected, numbers = beyond
        message = f"expected {expected}, found {numbers}"
        yield FieldError(pointer=f"/dataset/{info.name}", message=message)


def _unlabelled(model: ModelSummary, recipe: Recipe) -> Iterator[FieldError]:
    if _reproduces(model):
        yield from _metric("autoencoder", recipe)
        if recipe.training.class_weight is not None:
            yield FieldError(pointer="/training/class_weight", message=class_weights.NO_CLASSES)
        return
    if recipe.criterion.name in rules.NEEDS_LABELS:
        message = 'Needs labels: add them, or write "magnitude".'
        yield FieldError(pointer="/criterion/name", message=message)
    if recipe.training.epochs and not asked.learns_from_dense(recipe):
        name = model.outputs[0].name
        message = f"expected labels for the output {name!r}: an array y; found none"
        yield FieldError(pointer="/dataset/y", message=message)


def _reproduces(model: ModelSummary) -> bool:
    single = len(model.inputs) == len(model.outputs) == 1
    return single and model.inputs[0].shape == model.outputs[0].shape


def _labelled(
    model: ModelSummary,
    dataset: DatasetSummary,
    recipe: Recipe,
    ends: tuple[Output, ...],
    arrays: dict[str, ArrayInfo],
    found: roles.Roles,
) -> Iterator[FieldError]:
    infos = {label.array: label for label in dataset.labels}
    given = {
        output.info.name: Answers(
            output=output,
            array=arrays[found.outputs[output.info.name]],
            info=infos.get(found.outputs[output.info.name]),
            forced=recipe.data.labels if index == 0 else "auto",
            folders=dataset.format == "image_folders",
        )
        for index, output in enumerate(ends)
        if output.info.name in found.outputs
    }
    training = recipe.training
    loss = training.loss if training.loss != "auto" and training.epochs else None
    wrong = [one for answer in given.values() for one in answers.unfit(answer, loss, len(ends))]
    yield from wrong
    if wrong:
        return  # what else would be said follows from it
    unasked = outputs.unasked(ends) if training.epochs else ()
    judged = next((one for name, one in given.items() if name not in unasked), None)
    if judged is not None and judged.task is not None:
        yield from _metric(judged.task, recipe)
    if training.class_weight is not None:
        names = [end.name for end in model.outputs]
        known = {name: one.classes for name, one in given.items()}
        yield from class_weights.unfit(training.class_weight, known, names)


def _metric(task: TaskKind, recipe: Recipe) -> Iterator[FieldError]:
    name, fitting = metrics.canonical(recipe.training.metric), metrics.FITTING[task]
    if name in metrics.known() and name not in fitting:
        message = f'Does not fit a {task} task: write one of {", ".join(fitting)}, or "auto".'
        yield FieldError(pointer="/training/metric", message=message)


def beyond_table(
    tensor: TensorInfo, low: float | None, high: float | None
) -> tuple[str, str] | None:
    """What the table that an input is looked up in has, and the numbers found; None if it has them.

    Below 0 an Embedding counts from its end, as Python does.
    """
    entries = tensor.entries
    if entries is None or low is None or high is None or (low >= -entries and high < entries):
        return None
    expected = f"numbers from 0 to {entries - 1}, as many as the model's Embedding has entries"
    return expected, f"numbers from {low:g} to {high:g}"


def _up_to_ones(found: Shape, wanted: Shape) -> bool:
    """One axis of size 1 more or less is added or dropped by the engine."""
    longer, shorter = (found, wanted) if len(found) > len(wanted) else (wanted, found)
    return any(
        size == 1 and same(longer[:axis] + longer[axis + 1 :], shorter)
        for axis, size in enumerate(longer)
    )


def _mend(found: Shape, wanted: Shape) -> str:
    sizes, targets = [s or 1 for s in found], [s or 1 for s in wanted]
    if None in wanted or math.prod(sizes) != math.prod(targets):
        return ""
    if sorted(sizes) == sorted(targets):
        return "; the axes are in another order, transpose them"
    return f"; x.reshape(len(x), {', '.join(map(str, wanted))}) would do"
