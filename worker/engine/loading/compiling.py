"""The compile configuration of a file: checked apart from the model, and compiled by ourselves.

A loss that is not Keras' own is no reason to turn a model away: it comes uncompiled, with a note.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import keras

from prunery.screening import config as screening
from prunery.specs.errors import PruneryError
from prunery.specs.models import CompileInfo
from worker.engine.calling import output_names
from worker.engine.loading import loss_weights
from worker.engine.loading.build import brief


def compile_model(
    model: keras.Model, document: dict[str, Any], notes: list[str]
) -> dict[str, Any] | None:
    """Compile `model` as the file says; what it was compiled with, mended where Keras would fail.

    None, with a note, where it cannot be compiled.
    """
    try:
        screening.check_compile(document)
    except PruneryError as error:
        if error.code != "model_custom_object":
            raise
        notes.append(f"The model comes uncompiled: {error.detail} Set training.loss.")
        return None
    document = copy.deepcopy(document)
    unknown = _unknown(_bare(document.get("loss")), keras.losses.get)
    if unknown:
        notes.append(
            f"The model comes uncompiled: the loss {unknown[0][:80]!r} is not one of Keras'. "
            "Set training.loss."
        )
        return None
    _leave_out_metrics(document, notes)
    document["loss"] = _whole(document.get("loss"), output_names(model))
    loss_weights.settle(model, document, notes)
    try:
        model.compile_from_config(copy.deepcopy(document))  # it puts objects into what it is given
    except Exception as error:  # whatever a wrong loss, metric or optimizer raises
        notes.append(f"The model comes uncompiled: {brief(error)}")
        model.compiled = False
        return None
    return document


def _whole(loss: Any, names: list[str]) -> Any:
    """Losses by output with none left out: Keras 2 took what it did not find for untrained."""
    if not isinstance(loss, dict) or len(names) < 2 or not set(loss) < set(names):
        return loss
    return {name: loss.get(name) for name in names}


def _unknown(ends: Any, find: Callable[[str], Any]) -> list[str]:
    """Names that Keras does not know: it would fail at the first step, not when compiling."""
    names = [one for one in keras.tree.flatten(ends) if isinstance(one, str)]
    return [name for name in names if not _is_known(name, find)]


def _is_known(name: str, find: Callable[[str], Any]) -> bool:
    try:
        return find(name) is not None
    except ValueError:
        return False


def _leave_out_metrics(document: dict[str, Any], notes: list[str]) -> None:
    """Keras 2 wrote a function of the owner's by its bare name; it is of no use here."""
    for key in ("metrics", "weighted_metrics"):
        unknown = set(_unknown(_bare(document.get(key)), keras.metrics.get)) - _SHORT_METRICS
        if unknown:
            document[key] = _without(document[key], unknown)
            notes.append(f"Metrics that are not Keras' were left out: {sorted(unknown)}."[:300])


def _bare(value: Any) -> Any:
    """Names alone: what is an object has been checked."""
    if isinstance(value, dict) and "class_name" in value:
        return []
    if isinstance(value, dict):
        return [_bare(item) for item in value.values()]
    return [_bare(item) for item in value] if isinstance(value, list) else value


def _without(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict) and "class_name" not in value:
        return {key: _without(item, names) for key, item in value.items()}
    if isinstance(value, list):
        kept = [item for item in value if not (isinstance(item, str) and item in names)]
        return [_without(item, names) for item in kept]
    return None if isinstance(value, str) and value in names else value


# Metrics that Keras chooses by the loss.
_SHORT_METRICS = {"accuracy", "acc", "crossentropy", "ce"}
# Of the rate that a schedule begins with; below this, nothing is trained any more.
SPENT = 1e-3


def is_spent(model: keras.Model) -> bool:
    """Tell whether the optimizer's schedule has brought its rate down to almost nothing."""
    optimizer: Any = getattr(model, "optimizer", None)
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    schedule = getattr(optimizer, "_learning_rate", None)
    if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return False
    steps = int(optimizer.iterations)
    so_far = [float(schedule(step)) for step in range(0, steps + 1, max(1, steps // 20))]
    return float(schedule(steps)) < SPENT * max(so_far)


def describe(document: dict[str, Any]) -> CompileInfo:
    """Put a compile configuration into words."""
    optimizer = document.get("optimizer")
    return CompileInfo(
        loss=_words(document.get("loss")),
        optimizer=_name(optimizer) if optimizer else None,
        learning_rate=_learning_rate(optimizer),
        metrics=tuple(_names(document.get("metrics"))),
    )


def metrics_of(document: dict[str, Any], outputs: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Names of the metrics that each output was compiled with: by name, or one entry an output."""
    given = document.get("metrics")
    if len(outputs) == 1:
        return {outputs[0]: tuple(_names(given))}
    if isinstance(given, list) and len(given) == len(outputs):
        given = dict(zip(outputs, given, strict=True))
    if not isinstance(given, dict):
        given = {}
    return {name: tuple(_names(given.get(name))) for name in outputs}


def _learning_rate(optimizer: Any) -> float | None:
    settings = optimizer.get("config", {}) if isinstance(optimizer, dict) else {}
    while isinstance(settings, dict):
        found = settings.get("learning_rate", settings.get("initial_learning_rate"))
        if isinstance(found, int | float):
            return float(found)
        inner = found if found is not None else settings.get("inner_optimizer")
        settings = inner.get("config") if isinstance(inner, dict) else None
    return None


def _words(loss: Any) -> str | None:
    if isinstance(loss, list):
        loss = [one or "none" for one in loss]  # or places would shift
    names = list(_names(loss))
    return ", ".join(names) if names else None


def _names(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list):
        return [name for item in value for name in _names(item)]
    if isinstance(value, dict) and "class_name" not in value:
        return [f"{key}: {name}" for key, item in value.items() for name in _names(item)]
    return [_name(value)]


def _name(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    settings = value.get("config")
    if value.get("class_name") == "function":
        return str(settings)
    inner = settings.get("inner_optimizer") if isinstance(settings, dict) else None
    if inner is not None:
        return _name(inner)
    return str(value.get("class_name"))
