"""Does what a recipe names exist: optimizer, loss and metric in Keras, layers and classes here?

Judged at job creation, before queueing; pointers go into the recipe.
"""

from __future__ import annotations

from collections.abc import Iterator

from prunery.screening import allowlist, labelling, lengths
from prunery.specs import metrics
from prunery.specs.datasets import DatasetSummary
from prunery.specs.errors import FieldError, pointer_to
from prunery.specs.models import ModelSummary
from prunery.specs.recipe import Recipe, Rewind

# What Keras calls its losses besides their full names.
_LOSS_ALIASES = ("bce", "kld", "mae", "mape", "mse", "msle")
_WRAPPERS = ("lossscaleoptimizer", "multioptimizer", "optimizermap")


def names(recipe: Recipe) -> Iterator[FieldError]:
    """What needs neither model nor data to be judged."""
    training = recipe.training
    if training.optimizer != "from model" and _plain(training.optimizer) not in _optimizers():
        message = f'Write {", ".join(sorted(_optimizers()))} or "from model".'
        yield _wrong("training/optimizer", f"Keras has no such optimizer. {message}")
    if training.loss != "auto" and _plain(training.loss) not in _losses():
        some = "sparse_categorical_crossentropy, binary_crossentropy, mean_squared_error"
        message = f'Keras has no such loss. Write for example {some}, or "auto".'
        yield _wrong("training/loss", message)
    if training.metric != "auto" and metrics.canonical(training.metric) not in metrics.known():
        message = f'Write one of {", ".join(metrics.known())}, or "auto".'
        yield _wrong("training/metric", message)


def against(
    model: ModelSummary, dataset: DatasetSummary | None, recipe: Recipe
) -> Iterator[FieldError]:
    """What the model or the data decide."""
    yield from _layers(model, recipe)
    if recipe.criterion.name == "bn_scale" and not model.has_normalization:
        message = 'The model has no BatchNormalization whose scale could rank: write "magnitude".'
        yield _wrong("criterion/name", message)
    if recipe.data.scale in ("caffe", "torch") and not any(
        len(tensor.shape) == 3 and tensor.shape[-1] == 3 for tensor in model.inputs
    ):
        message = 'For pictures of three colours: write "none", "0..1" or "-1..1".'
        yield _wrong("data/scale", message)
    if dataset is None:
        return
    if recipe.data.resize != "auto" and dataset.format != "image_folders":
        yield _wrong("data/resize", labelling.ONLY_PHOTOS)
    yield from _rewind_point(dataset, recipe)


def learns_from_dense(recipe: Recipe) -> bool:
    """Without labels, a trained upload is the only teacher."""
    return recipe.start == "trained" and recipe.training.distillation == 1


def _layers(model: ModelSummary, recipe: Recipe) -> Iterator[FieldError]:
    """Layer paths in the recipe must be the model's; `layer:heads` is a part of one."""
    if not model.layer_paths:
        return
    known = set(model.layer_paths)
    for index, path in enumerate(recipe.protect):
        if not known & {path, path.rpartition(":")[0]}:
            yield _wrong(f"protect/{index}", _no_layer(path, model))
    for path in recipe.layer_fractions:
        if not known & {path, path.rpartition(":")[0]}:
            yield _wrong(pointer_to("layer_fractions", path)[1:], _no_layer(path, model))


def _no_layer(path: str, model: ModelSummary) -> str:
    last = path.rsplit("/", 1)[-1]
    like = [known for known in model.layer_paths if known.rsplit("/", 1)[-1] == last]
    some = ", ".join((like or model.layer_paths)[:8])
    return f"The model has no layer {path[:80]!r}; it has, for example: {some[:300]}."


def _rewind_point(dataset: DatasetSummary, recipe: Recipe) -> Iterator[FieldError]:
    """A point after which nothing is left to train, however the examples are split."""
    examples = dataset.examples.get("train") or sum(dataset.examples.values())
    most = lengths.most_epochs(recipe), lengths.most_steps(recipe, examples)
    message = too_late(recipe.rewind, *most)
    if message is not None:
        yield _wrong("rewind/at", message)


def too_late(rewind: Rewind, epochs: int, steps: int) -> str | None:
    """Why a point of a dense training of at most that length leaves nothing to train; or None."""
    if rewind.to == "epoch" and rewind.at >= epochs:
        return f"The dense training has at most {epochs} epochs: write a smaller number."
    if rewind.to == "step" and rewind.at >= steps:
        return f"The dense training has at most {steps} steps: write a smaller number."
    return None


def _optimizers() -> frozenset[str]:
    return frozenset(name.lower() for name in allowlist.homes("optimizer")) - set(_WRAPPERS)


def _losses() -> frozenset[str]:
    known = [*allowlist.functions("loss"), *allowlist.homes("loss"), *_LOSS_ALIASES]
    return frozenset(_plain(name) for name in known)


def _plain(name: str) -> str:
    return name.lower().replace("_", "")


def _wrong(place: str, message: str) -> FieldError:
    return FieldError(pointer=f"/{place}", message=message)
