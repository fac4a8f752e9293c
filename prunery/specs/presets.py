"""The named recipes, and how a request's recipe is laid over one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from prunery.specs.errors import FieldError, PruneryError
from prunery.specs.findings import field_errors
from prunery.specs.recipe import Recipe

DEFAULT = "balanced"

PRESETS: dict[str, dict[str, Any]] = {
    "quick": {
        "objective": {"max_metric_drop": 0.02},
        "schedule": {"kind": "one_shot", "rounds": 3, "pruning_fraction": 0.3},
        "training": {"epochs": "auto", "retrain_epochs": "auto"},
    },
    "balanced": {
        "objective": {"max_metric_drop": 0.01},
        "schedule": {"kind": "adaptive", "rounds": 12, "pruning_fraction": 0.2},
        "minimum_kept": 0.03,
        "training": {"epochs": "auto"},
        "controls": ["fresh_small", "random_units"],
    },
    "smallest": {
        "objective": {"max_metric_drop": 0.03},
        "schedule": {"kind": "adaptive", "rounds": 20, "pruning_fraction": 0.15},
        "minimum_kept": 0.02,
        "training": {"epochs": "auto", "distillation": 0.5},
        "controls": ["fresh_small", "random_units"],
    },
    # Our reading of the article (engine.md section 4): it states neither epochs nor input scaling.
    "article": {
        "objective": {"parameters_ratio": 0.5},
        "criterion": {"name": "bias_displacement", "over": "in"},
        "scope": "layer",
        "minimum_kept": 0.0,
        "schedule": {"kind": "one_shot", "rounds": 1, "pruning_fraction": 0.46},
        "start": "untrained",
        "rewind": {"to": "initial", "rescale_init": False},
        "data": {"scale": "0..1"},
        "training": {
            "epochs": 10,
            "retrain_epochs": 10,
            "batch_size": 32,
            "schedule": "from model",
            "early_stopping": False,
        },
        "controls": ["fresh_small", "fresh_same_scale", "random_units"],
    },
    # LeNet-300-100 as in Frankle & Carbin 2019, section 2.
    "paper": {
        "objective": {},
        "granularity": "weight",
        "criterion": {"name": "magnitude", "over": "in"},
        "scope": "layer",
        "minimum_kept": 0.0,
        "schedule": {
            "kind": "iterative",
            "rounds": 15,
            "pruning_fraction": 0.2,
            "output_layer_fraction": 0.1,
        },
        "start": "untrained",
        "rewind": {"to": "initial", "rescale_init": False},
        "training": {
            "epochs": 20,
            "retrain_epochs": 20,
            "batch_size": 60,
            "schedule": "from model",
            "early_stopping": False,
        },
        "controls": ["fresh_same_scale", "random_mask"],
        "controls_on": "every",
    },
}

DESCRIPTIONS: dict[str, str] = {
    "quick": "Is it worth trying? Three sizes at once, short retraining.",
    "balanced": "Nearly as good, smaller: the smallest size within 1 point on validation.",
    "smallest": "As small as possible: the smallest size within 3 points on validation.",
    "article": "The article that began this project, as we read it: half the size in one round.",
    "paper": "LeNet-300-100 as in Frankle & Carbin 2019: weight masks, 20% a round, both controls.",
}


def resolve(request: Mapping[str, Any] | None = None) -> Recipe:
    """Lay a request over its preset, key by key (`objective` is replaced whole), and validate.

    Raises `preset_unknown` or `recipe_invalid`, the latter with a pointer for every wrong field.
    """
    asked = dict(request or {})
    name = asked.pop("preset", None)
    name = DEFAULT if name is None else name
    if not isinstance(name, str) or name not in PRESETS:
        message = f"Write one of {', '.join(PRESETS)}."
        raise PruneryError(
            "preset_unknown",
            f"There is no preset named {str(name)[:100]!r}.",
            errors=[FieldError(pointer="/preset", message=message)],
        )
    merged = _without_training(_overlay(PRESETS[name], asked), asked)
    try:
        recipe = Recipe.model_validate({**merged, "preset": name}, strict=False)
    except ValidationError as error:
        raise PruneryError(
            "recipe_invalid",
            "The recipe has fields that are not valid.",
            errors=field_errors(error, merged, Recipe),
        ) from None
    from prunery.specs.rules import check  # the rules speak of whole recipes: they come last

    check(recipe)
    return recipe


def _without_training(merged: dict[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """`training.epochs: 0` implies: no rewind, no controls, and no limit that nobody asked for.

    `training.retrain_epochs: 0` implies the first two. Neither leaves a preset's teacher anyone
    to teach.
    """
    training = merged.get("training")
    if not isinstance(training, Mapping) or 0 not in (
        training.get("epochs"),
        training.get("retrain_epochs"),
    ):
        return merged
    implied: dict[str, Any] = {}
    rewind = asked.get("rewind", {})
    if isinstance(rewind, Mapping) and rewind.get("to", "auto") == "auto":
        implied["rewind"] = {"to": "none", "rescale_init": False}
    if "controls" not in asked:
        implied["controls"] = []
    own = asked.get("training", {})
    implied["training"] = {
        **training,
        **({} if "distillation" in own else {"distillation": 0.0}),
        **({"retrain_epochs": "auto"} if _only_epochs(training, own) else {}),
    }
    if "objective" not in asked and training.get("epochs") == 0:
        keeps_target = merged["objective"].get("parameters_ratio")
        implied["objective"] = {"parameters_ratio": keeps_target} if keeps_target else {}
    return {**merged, **implied}


def _only_epochs(training: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    return training.get("epochs") == 0 and "retrain_epochs" not in own


def _overlay(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        old = merged.get(key)
        nested = isinstance(old, Mapping) and isinstance(value, Mapping) and key != "objective"
        merged[key] = _overlay(old, value) if nested else value  # type: ignore[arg-type]
    return merged
