"""The loss a job trains with: the recipe's, the model's own, or what labels and output call for."""

from __future__ import annotations

from typing import Any

import keras

from prunery.specs.errors import FieldError, PruneryError
from prunery.specs.models import TaskKind

_SPARSE = ("sparse_categorical_crossentropy",)
_DENSE = ("categorical_crossentropy", "categorical_focal_crossentropy", "kl_divergence")


def settle_loss(
    asked: str,
    compile_config: dict[str, Any] | None,
    task: TaskKind,
    labels: str,
    activation: str | None,
) -> tuple[Any, str]:
    """The loss as `compile` takes it, and why it is that one.

    Raises `recipe_invalid` for a name that Keras does not know.
    """
    if asked != "auto":
        return _named(asked), "The recipe asks for it."
    own = (compile_config or {}).get("loss")
    if own is not None:
        return _deserialized(own), "The model was compiled with it."
    logits = activation in (None, "linear")
    return _default(task, labels, logits), "The model has none; this one fits labels and outputs."


def label_form(loss: Any) -> str | None:
    """What a loss wants classes to be: "integers", "one_hot", or None if it is neither."""
    name = _snake(loss)
    if name in _SPARSE:
        return "integers"
    return "one_hot" if name in _DENSE else None


def _default(task: TaskKind, labels: str, logits: bool) -> Any:
    losses = keras.losses
    if task in ("multiclass", "per_position"):
        if labels == "one_hot":
            return losses.CategoricalCrossentropy(from_logits=logits)
        return losses.SparseCategoricalCrossentropy(from_logits=logits)
    if task in ("binary", "multilabel"):
        return losses.BinaryCrossentropy(from_logits=logits)
    return losses.MeanSquaredError()


def _named(name: str) -> Any:
    try:
        return keras.losses.get(name)
    except ValueError:
        message = 'Write a Keras loss, such as "sparse_categorical_crossentropy", or "auto".'
        raise PruneryError(
            "recipe_invalid",
            f"There is no loss named {name[:80]!r}.",
            errors=[FieldError(pointer="/training/loss", message=message)],
        ) from None


def _deserialized(config: Any) -> Any:
    if isinstance(config, dict) and "class_name" not in config:
        return {key: _deserialized(value) for key, value in config.items()}
    if isinstance(config, list):
        return [_deserialized(value) for value in config]
    if config is None or isinstance(config, str):
        return config
    return keras.losses.deserialize(config)


def _snake(loss: Any) -> str:
    if isinstance(loss, str):
        return keras.losses.get(loss).__name__ if loss.islower() else _snake(keras.losses.get(loss))
    return str(getattr(loss, "__name__", None) or getattr(loss, "name", ""))
