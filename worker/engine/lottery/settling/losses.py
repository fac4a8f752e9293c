"""The loss a job trains with: the recipe's, the model's own, or what labels and output call for."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import keras

from prunery.specs.errors import FieldError, PruneryError
from prunery.specs.models import TaskKind, TensorInfo
from worker.engine.datasets import Dataset
from worker.engine.training.distillation import loss_of


def settle_loss(
    asked: str,
    compile_config: dict[str, Any] | None,
    dataset: Dataset,
    outputs: Sequence[TensorInfo],
) -> tuple[Any, str]:
    """The loss as `compile` takes it, by output where there are several, and why it is that one.

    Raises `recipe_invalid` for a name that Keras does not know.
    """
    if asked != "auto":
        return _in_form(_named(asked), outputs), "The recipe asks for it."
    own = (compile_config or {}).get("loss")
    if own is not None:
        return _deserialized(own), "The model was compiled with it."
    fitting = {end.name: _fitting(dataset, end) for end in outputs}
    loss = fitting if len(fitting) > 1 else fitting[outputs[0].name]
    return loss, "The model has none; this one fits labels and outputs."


def wants_shares(loss: Any, end: TensorInfo) -> bool:
    """Whether a loss compares shares and the output gives plain numbers: little is learned then."""
    return _is_logits(end) and _from_logits(keras.losses.get(loss)) is False


def _in_form(loss: Any, outputs: Sequence[TensorInfo]) -> Any:
    """A loss asked for by its name, in its form for plain numbers where an output gives such."""
    plain = {end.name: wants_shares(loss, end) for end in outputs}
    if not any(plain.values()):
        return loss
    if isinstance(loss, keras.losses.Loss):
        logits = type(loss).from_config({**loss.get_config(), "from_logits": True})
    else:
        logits = _class_of(loss)(from_logits=True)
    return logits if all(plain.values()) else {k: logits if v else loss for k, v in plain.items()}


def _class_of(function: Any) -> Any:
    """The class that wraps one of Keras' loss functions."""
    kinds = [kind for kind in vars(keras.losses).values() if inspect.isclass(kind)]
    return next(kind for kind in kinds if getattr(kind(), "fn", None) is function)


def _from_logits(loss: Any) -> bool | None:
    """What a loss takes: plain numbers or shares; None where it makes no difference."""
    if isinstance(loss, keras.losses.Loss):
        found = getattr(loss, "from_logits", None)
        return found if found is None else bool(found)
    known = callable(loss) and "from_logits" in inspect.signature(loss).parameters
    return False if known else None


def _is_logits(end: TensorInfo) -> bool:
    return end.activation in (None, "linear")


def settle_weights(
    loss: Any, compile_config: dict[str, Any] | None, outputs: Sequence[TensorInfo]
) -> tuple[Any, Any]:
    """The loss and how much it weighs: of several outputs both by name, as Keras pairs them."""
    weights = (compile_config or {}).get("loss_weights")
    names = [end.name for end in outputs]
    if weights is None or len(names) < 2:
        return loss, weights
    if isinstance(weights, list):
        weights = dict(zip(names, weights, strict=True))
    if not isinstance(loss, dict):
        loss = {name: loss_of(loss, name, place) for place, name in enumerate(names)}
    return loss, weights


def _fitting(dataset: Dataset, end: TensorInfo) -> Any:
    """The loss for one output's task, and for the form in which its labels arrive."""
    task, labels = dataset.task_of[end.name], dataset.labels_of.get(end.name, "none")
    if task == "per_position" and dataset.train.y[end.name].ndim > len(end.shape):
        # In the output's own shape, a mask or a one-hot map: no class numbers.
        task, labels = ("multilabel" if end.activation == "sigmoid" else task), "one_hot"
    return _default(task, labels, logits=_is_logits(end))


def _default(task: TaskKind, labels: str, *, logits: bool) -> Any:
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
