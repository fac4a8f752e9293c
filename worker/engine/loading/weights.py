"""Putting a file's weights into a built model."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras.src.legacy.saving import legacy_h5_format
from keras.src.saving import saving_lib

from prunery.specs.errors import PruneryError
from worker.engine import libraries
from worker.engine.loading import hdf5, legacy_state, slopes
from worker.engine.loading.build import brief

libraries.mend_saving()


def from_keras_file(
    model: keras.Model, path: Path, notes: list[str], keras_version: str | None = None
) -> bool:
    """Load the weights member of a .keras archive, extracted as `*.weights.h5`.

    Returns whether the optimizer's state was in it and fits.
    """
    if _is_legacy(keras_version):
        with _weights_errors(), _as_notes(notes):
            model.load_weights(path, objects_to_skip=_compile_state(model))
        if slopes.keep(model, notes) or getattr(model, "optimizer", None) is None:
            return False
        with hdf5.open_checked(path) as opened, _weights_errors():
            return legacy_state.from_keras_file(model, opened, notes)
    with hdf5.open_checked(path) as opened:
        has_state = _has_optimizer_state(model, opened)
    optimizer = getattr(model, "optimizer", None) if has_state else None
    before = len(notes)
    skipped = [] if optimizer is not None else _compile_state(model)
    with _weights_errors():
        if optimizer is not None:
            try:
                with _as_notes(notes):
                    model.load_weights(path)
            except ValueError:
                notes.append("The optimizer's state does not fit and starts afresh.")
                skipped, optimizer = _compile_state(model), None
            else:
                return len(notes) == before
        with _as_notes(notes):
            model.load_weights(path, objects_to_skip=skipped)
    return False


def _is_legacy(version: str | None) -> bool:
    return version is not None and version.startswith(("1.", "2."))


def _text(value: Any) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def _has_optimizer_state(model: keras.Model, opened: Any) -> bool:
    """Tell whether there is something to load, or to say about its loss."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None or "optimizer" not in opened:
        return False
    group = opened["optimizer"]
    if "inner_optimizer" in group:
        return True
    saved = len(group["vars"]) if "vars" in group else 0
    # Step and rate are all that an optimizer has before its first step: no state, no loss.
    return saved > 2 or saved == len(optimizer.variables)


def load_assets(model: keras.Model, folder: Path) -> None:
    """Give vocabularies that the archive holds as text files to the layers that they belong to."""
    failed: dict[int, tuple[Any, Exception]] = {}
    saving_lib._load_state(
        model,
        weights_store=None,
        assets_store=saving_lib.DiskIOStore(str(folder), mode="r"),
        inner_path="",
        visited_saveables=set(),
        failed_saveables=set(),
        error_msgs=failed,
    )
    if failed:
        layer, error = next(iter(failed.values()))
        raise PruneryError(
            "model_weights_invalid",
            f"The vocabulary of {str(getattr(layer, 'name', layer))[:80]!r}: {brief(error)}",
        ).at(str(getattr(layer, "name", layer)))


def _compile_state(model: keras.Model) -> list[object]:
    names = ("optimizer", "_optimizer", "_loss_tracker", "_compile_metrics", "_compile_loss")
    return [found for name in names if (found := getattr(model, name, None)) is not None]


def from_hdf5(model: keras.Model, path: Path, notes: list[str]) -> bool:
    """Load an .h5 file's weights; True if the optimizer's state came too.

    Whole models and Keras 2 list layers in order; a `*.weights.h5` of Keras 3 has attributes.
    """
    with hdf5.open_checked(path) as opened:
        by_attributes = "layers" in opened or "_layer_checkpoint_dependencies" in opened
        if not by_attributes:
            group = opened.get("model_weights", opened)
            with _weights_errors(), _as_notes(notes):
                legacy_h5_format.load_weights_from_hdf5_group(group, model)
            # A file without a version is older than the attribute.
            if _is_legacy(_text(group.attrs.get("keras_version", "1."))) and slopes.keep(
                model, notes
            ):
                return False
            return _optimizer_by_order(model, opened, notes)
    with _weights_errors(), _as_notes(notes):
        model.load_weights(path, objects_to_skip=_compile_state(model))
    return False


def require_numbers(model: keras.Model) -> None:
    """Raise for weights that hold NaN or infinity, which make answers and trainings NaN."""
    for variable in model.weights:
        if not keras.backend.is_float_dtype(variable.dtype):
            continue
        finite = np.isfinite(np.asarray(variable))
        if not finite.all():
            raise PruneryError(
                "model_weights_invalid",
                f"{variable.path[:120]!r} holds NaN or infinity in {finite.size - finite.sum()} "
                f"of {finite.size} places.",
                hint="The training that made it diverged: save the model as it was before.",
            ).at(*variable.path.split("/"))


def _optimizer_by_order(model: keras.Model, opened: Any, notes: list[str]) -> bool:
    """The optimizer's state of a whole-model .h5 file: Keras 3 wrote its variables in order."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None or "optimizer_weights" not in opened:
        return False
    if not str(opened.attrs.get("keras_version", "")).startswith("3"):
        with _weights_errors():
            return legacy_state.from_hdf5(model, opened, notes)
    names = opened["optimizer_weights"].attrs.get("weight_names", ())
    values = [np.asarray(opened["optimizer_weights"][name]) for name in names]
    variables = optimizer.variables
    if [value.shape for value in values] != [tuple(variable.shape) for variable in variables]:
        return False
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return True


@contextmanager
def _weights_errors() -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, OSError, AttributeError) as error:
        raise PruneryError("model_weights_invalid", brief(error)) from None


@contextmanager
def _as_notes(notes: list[str]) -> Iterator[None]:
    """What Keras warns of while loading is something to tell, not to fail on."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        text = str(warning.message)
        if "Skipping variable loading for optimizer" in text:
            text = "The file holds no optimizer state that fits: the optimizer starts afresh."
        if text not in notes:
            notes.append(text[:300])
