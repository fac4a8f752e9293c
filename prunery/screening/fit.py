"""Do this model, this dataset and this recipe go together? Judged at job creation, before queueing.

Only what is certain is refused here; the engine judges again with the arrays before its eyes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from prunery.screening import asked, reach
from prunery.specs.datasets import ArrayInfo, DatasetSummary, LabelInfo
from prunery.specs.errors import FieldError, of_fields
from prunery.specs.models import ModelSummary, Prunability, TensorInfo
from prunery.specs.recipe import Recipe

# Where findings of the files point; all others point into the recipe.
FILES = "/dataset"
Shape = tuple[int | None, ...]
_X = ("x", "data", "input", "inputs", "image", "images", "features")
_NUMERIC = ("squared", "absolute", "mse", "mae", "mape", "msle", "huber", "log_cosh", "poisson")


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


def _data(
    model: ModelSummary, dataset: DatasetSummary | None, recipe: Recipe
) -> Iterator[FieldError]:
    if dataset is None:
        if recipe.training.epochs:
            message = "Needed unless recipe.training.epochs is 0."
            yield FieldError(pointer="/dataset", message=message)
        return
    arrays = {info.name: info for info in dataset.arrays if info.split in ("train", "all")}
    for tensor in model.inputs:
        yield from _input(tensor, arrays, model, dataset)
    if len(model.outputs) == 1:
        yield from _output(model, arrays, dataset, recipe)


def _input(
    tensor: TensorInfo,
    arrays: dict[str, ArrayInfo],
    model: ModelSummary,
    dataset: DatasetSummary,
) -> Iterator[FieldError]:
    info = arrays.get(tensor.name)
    if info is None and len(model.inputs) == 1:
        info = next((arrays[name] for name in _X if name in arrays), None)
    if info is None:
        return
    found = info.shape[1:]
    if info.dtype == "string":
        message = "holds texts: turn them into numbers before uploading."
        yield FieldError(pointer=f"/dataset/{info.name}", message=message)
    elif dataset.format == "image_folders":
        if len(tensor.shape) not in (2, 3):
            message = f"The model takes examples of shape {_text(tensor.shape)}, not images."
            yield FieldError(pointer="/dataset", message=message)
    elif not (_same(found, tensor.shape) or _up_to_ones(found, tensor.shape)):
        message = f"expected examples of shape {_text(tensor.shape)}, found {_text(found)}"
        yield FieldError(
            pointer=f"/dataset/{info.name}", message=message + _mend(found, tensor.shape)
        )
    elif beyond := beyond_table(tensor, info.minimum, info.maximum):
        expected, numbers = beyond
        message = f"expected {expected}, found {numbers}"
        yield FieldError(pointer=f"/dataset/{info.name}", message=message)


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


def _output(
    model: ModelSummary,
    arrays: dict[str, ArrayInfo],
    dataset: DatasetSummary,
    recipe: Recipe,
) -> Iterator[FieldError]:
    tensor = model.outputs[0]
    label = next((info for info in dataset.labels if info.array == tensor.name), None)
    if label is None and len(dataset.labels) == 1:
        label = dataset.labels[0]
    if label is None:
        reproduces = len(model.inputs) == 1 and model.inputs[0].shape == tensor.shape
        if recipe.training.epochs and len(arrays) <= len(model.inputs) and not reproduces:
            message = f"expected labels for the output {tensor.name!r}: an array y; found none"
            yield FieldError(pointer="/dataset/y", message=message)
        return
    if len(tensor.shape) != 1 or tensor.shape[0] is None:
        return
    yield from _classes(tensor, label, tensor.shape[0])
    yield from _wide(tensor, label, arrays, tensor.shape[0])
    yield from _loss(label, tensor.shape[0], recipe)


def _classes(tensor: TensorInfo, label: LabelInfo, width: int) -> Iterator[FieldError]:
    units = 2 if width == 1 else width
    if label.kind == "strings":
        count = len(label.classes or ())
        if count > units:
            message = f"expected at most {units} classes, found {count}"
            yield FieldError(pointer=f"/dataset/{label.array}", message=message)
        return
    if label.kind != "integers" or width == 1 or label.minimum is None or label.maximum is None:
        return
    in_range = label.minimum >= 0 and label.maximum < units
    if not in_range and len(label.classes or ()) != units:
        message = (
            f"expected labels from 0 to {units - 1} for the {units} units of {tensor.name!r}, "
            f"found labels from {label.minimum:g} to {label.maximum:g}"
        )
        yield FieldError(pointer=f"/dataset/{label.array}", message=message)


def _wide(
    tensor: TensorInfo, label: LabelInfo, arrays: dict[str, ArrayInfo], width: int
) -> Iterator[FieldError]:
    info = arrays.get(label.array)
    if label.kind not in ("one_hot", "multi_label") or info is None or len(info.shape) != 2:
        return
    if info.shape[1] != width:
        message = f"expected {width} columns for {tensor.name!r}, found {info.shape[1]}"
        yield FieldError(pointer=f"/dataset/{label.array}", message=message)


def _loss(label: LabelInfo, width: int, recipe: Recipe) -> Iterator[FieldError]:
    loss = recipe.training.loss
    if loss == "auto" or not recipe.training.epochs:
        return
    instead = better_loss(loss.lower(), label.kind, width)
    if instead is not None:
        message = f"{loss!r} does not fit these labels and {width} output units; write {instead}."
        yield FieldError(pointer="/training/loss", message=message)


def better_loss(loss: str, labels: str, width: int) -> str | None:
    """What to write instead of a loss that cannot work; None where it can."""
    numeric = any(word in loss for word in _NUMERIC)
    if width == 1 and "categorical" in loss:
        return "binary_crossentropy for two classes, or mean_squared_error for numbers"
    if width > 1 and labels in ("integers", "strings") and "categorical" not in loss:
        return "sparse_categorical_crossentropy"
    if labels == "multi_label" and "categorical" in loss:
        return "binary_crossentropy"
    if labels == "strings" and numeric:
        return "binary_crossentropy"
    if labels == "values" and width > 1 and "sparse" in loss:
        return "mean_squared_error"
    return None


def _same(found: Shape, wanted: Shape) -> bool:
    return len(found) == len(wanted) and all(
        want is None or size is None or size == want
        for size, want in zip(found, wanted, strict=True)
    )


def _up_to_ones(found: Shape, wanted: Shape) -> bool:
    """One axis of size 1 more or less is added or dropped by the engine."""
    longer, shorter = (found, wanted) if len(found) > len(wanted) else (wanted, found)
    return any(
        size == 1 and _same(longer[:axis] + longer[axis + 1 :], shorter)
        for axis, size in enumerate(longer)
    )


def _mend(found: Shape, wanted: Shape) -> str:
    sizes, targets = [s or 1 for s in found], [s or 1 for s in wanted]
    if None in wanted or math.prod(sizes) != math.prod(targets):
        return ""
    if sorted(sizes) == sorted(targets):
        return "; the axes are in another order, transpose them"
    return f"; x.reshape(len(x), {', '.join(map(str, wanted))}) would do"


def _text(shape: Shape) -> str:
    sizes = ["any" if size is None else str(size) for size in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"
