"""Optimizers: the user's own, made anew, and the working copy whose rate the loop sets."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import keras

from prunery.specs.errors import FieldError, PruneryError
from prunery.specs.recipe import Training
from worker.engine.training.slots import innermost

DEFAULT = "adam"
_WRAPPERS = ("optimizer", "lossscaleoptimizer", "multioptimizer")


def make(
    compile_config: Mapping[str, Any] | None, training: Training, learning_rate: float | None = None
) -> Any:
    """A fresh optimizer: the recipe's, or the one of the model's serialized compile configuration.

    `learning_rate` wins over the recipe's, the recipe's over the model's. A rate of 0 (the end of
    a schedule that a callback drove) is replaced by the default of the class: see `is_spent`.
    """
    if training.optimizer != "from model":
        optimizer = _named(training.optimizer)
    else:
        optimizer = _own(compile_config)
    rate = learning_rate if learning_rate is not None else training.learning_rate
    if rate is None and is_spent(optimizer):
        rate = _default_rate(optimizer)
    return optimizer if rate is None else with_rate(optimizer, rate)


def is_spent(optimizer: Any) -> bool:
    """Whether a constant rate of 0 would train nothing."""
    rate = innermost(optimizer)[0]._learning_rate
    return isinstance(rate, keras.Variable) and float(rate.numpy()) == 0.0


def with_rate(optimizer: Any, rate: float) -> Any:
    """A fresh copy with a constant learning rate."""
    return keras.saving.deserialize_keras_object(config_with_rate(optimizer, rate))


def config_with_rate(optimizer: Any, rate: float) -> dict[str, Any]:
    """The configuration with a constant learning rate."""
    config = serialized(optimizer)
    for inner in _inner_configs(config):
        # Adafactor's relative steps are for constant rates; under a schedule it took none.
        if "relative_step" in inner and isinstance(inner.get("learning_rate"), dict):
            inner["relative_step"] = False
        inner["learning_rate"] = float(rate)
    return config


def working_copy(optimizer: Any, precision: str) -> Any:
    """What the loop drives: the rate is set at every step, and float16 gradients are scaled."""
    copy = with_rate(optimizer, 0.0)
    if precision == "mixed_float16" and not isinstance(copy, keras.optimizers.LossScaleOptimizer):
        return keras.optimizers.LossScaleOptimizer(copy)
    return copy


def fresh(optimizer: Any) -> Any:
    """An unbuilt copy, schedule included."""
    return keras.saving.deserialize_keras_object(serialized(optimizer))


def serialized(optimizer: Any) -> dict[str, Any]:
    """The whole configuration. (`keras.optimizers.deserialize` makes a string of Lamb's.)"""
    return keras.saving.serialize_keras_object(optimizer)


def factors(optimizer: Any) -> list[float]:
    """Each inner optimizer's rate over the first one's: what a common rate is multiplied by."""
    from worker.engine.training.rates import own_rates

    if len(innermost(optimizer)) == 1:
        return [1.0]
    # In a copy, as the loop has it, an optimizer that is given for two patterns is two.
    first, *rest = (float(own_rates(inner, 1)[0]) for inner in innermost(fresh(optimizer)))
    return [1.0, *(rate / first if first else 1.0 for rate in rest)]


def _own(compile_config: Mapping[str, Any] | None) -> Any:
    config = (compile_config or {}).get("optimizer")
    if config is None:
        return _named(DEFAULT)
    if isinstance(config, str):
        return _named(config)
    copied = deepcopy(dict(config))
    if "module" in copied:
        return keras.saving.deserialize_keras_object(copied)
    return keras.optimizers.deserialize(copied)


def _named(name: str) -> Any:
    wanted = name.lower().replace("_", "")
    for candidate, kind in vars(keras.optimizers).items():
        is_optimizer = isinstance(kind, type) and issubclass(kind, keras.optimizers.Optimizer)
        if is_optimizer and candidate.lower() == wanted and wanted not in _WRAPPERS:
            return kind()
    message = 'Write a Keras optimizer, such as "adam" or "sgd", or "from model".'
    raise PruneryError(
        "recipe_invalid",
        f"There is no optimizer named {name[:60]!r}.",
        errors=[FieldError(pointer="/training/optimizer", message=message)],
    )


def _default_rate(optimizer: Any) -> float:
    standard = type(innermost(optimizer)[0])()
    return float(standard.learning_rate.numpy())


def _inner_configs(config: dict[str, Any]) -> list[dict[str, Any]]:
    """The configurations of the optimizers that hold slots, in the order of `innermost`."""
    inside = config["config"]
    if "optimizer_map" in inside:  # MultiOptimizer: those of the patterns, then the default
        chosen = inside["optimizer_map"]["config"]
        children = [*chosen["optimizer_map"].values(), chosen["default_optimizer"]]
    else:
        children = [child for child in inside.values() if _is_optimizer(child)]
    return [leaf for child in children for leaf in _inner_configs(child)] or [inside]


def _is_optimizer(value: Any) -> bool:
    module = str(value.get("module")) if isinstance(value, dict) and "class_name" in value else ""
    return "optimizer" in module and "schedules" not in module
