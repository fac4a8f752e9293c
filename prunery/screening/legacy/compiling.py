"""Compile configurations of Keras 2 and tf-keras, put into the form of `compile_from_config`."""

from __future__ import annotations

from typing import Any

from prunery.screening import allowlist
from prunery.screening.legacy.objects import modern_object

# Settings that optimizers no longer take; `decay` becomes a schedule.
_GONE = frozenset(
    {"decay", "lr", "is_legacy_optimizer", "jit_compile", "schedule_decay", "dynamic"}
)
_FUNCTIONS = {
    "kullback_leibler_divergence": "kl_divergence",
    "kld": "kl_divergence",
    "cosine_proximity": "cosine_similarity",
    "cosine": "cosine_similarity",
    "logcosh": "log_cosh",
    "huber_loss": "huber",
}
_OPTIMIZERS = {
    name.lower(): name
    for name in (
        "Adam",
        "SGD",
        "RMSprop",
        "Adagrad",
        "Adadelta",
        "Adamax",
        "Nadam",
        "Ftrl",
        "AdamW",
    )
}


def translate(document: dict[str, Any]) -> dict[str, Any]:
    """A `training_config` of an .h5 file, or a `compile_config` that tf-keras wrote."""
    optimizer = document.get("optimizer_config", document.get("optimizer"))
    return {
        "optimizer": _optimizer(optimizer),
        "loss": _ends(document.get("loss"), "loss"),
        "loss_weights": document.get("loss_weights"),
        "metrics": _unwrapped(_ends(document.get("metrics"), "metric")),
        "weighted_metrics": _unwrapped(_ends(document.get("weighted_metrics"), "metric")) or None,
    }


def _optimizer(value: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(value.get("config"), dict):
        return value
    name = str(value.get("class_name")).removeprefix("Custom>")
    name = _OPTIMIZERS.get(name.lower(), name)
    name = "LossScaleOptimizer" if name.startswith("LossScaleOptimizer") else name
    old = value["config"]
    config = {
        key: item
        for key, item in old.items()
        if key not in _GONE
        and not (key in ("epsilon", "name", "loss_scale_factor") and item is None)
    }
    rate = old.get("learning_rate", old.get("lr"))
    if rate is not None:
        config["learning_rate"] = _rate(rate, old.get("decay"))
    if "inner_optimizer" in config:
        config["inner_optimizer"] = _optimizer(config["inner_optimizer"])
    module = value.get("module")
    if name in allowlist.homes("optimizer"):
        module = "keras.optimizers"
    registered = value.get("registered_name")
    if registered in (name, value.get("class_name"), f"Custom>{name}"):
        registered = None
    return {
        "module": module,
        "class_name": name,
        "config": config,
        "registered_name": registered,
    }


def _rate(rate: Any, decay: Any) -> Any:
    if isinstance(rate, dict):
        made = modern_object(rate, "schedule")
        config = made.get("config")
        if isinstance(config, dict) and config.get("name", "") is None:
            del config["name"]  # it was optional, and is a scope's name today
        return made
    if not isinstance(decay, int | float) or not decay:
        return rate
    # Keras 2 divided the rate by (1 + decay * steps): exactly this schedule.
    return {
        "module": "keras.optimizers.schedules",
        "class_name": "InverseTimeDecay",
        "config": {"initial_learning_rate": rate, "decay_steps": 1, "decay_rate": decay},
        "registered_name": None,
    }


def _ends(value: Any, kind: str) -> Any:
    """A loss or metrics, in whatever lists and dicts they are nested by output."""
    if isinstance(value, list):
        # None stood for an output without metrics; an empty list does today.
        return [_ends(item, kind) for item in value if kind == "loss" or item is not None]
    if isinstance(value, str):
        return _FUNCTIONS.get(value, value)
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "__tuple__" and isinstance(value.get("items"), list):
        return [_ends(item, kind) for item in value["items"]]
    if "class_name" not in value:
        return {key: _ends(item, kind) for key, item in value.items()}
    return _end(value, kind)


def _end(value: dict[str, Any], kind: str) -> Any:
    name, config = value["class_name"], value.get("config")
    if name == "function":
        return _ends(config, kind) if value.get("module") in (None, "builtins") else value
    if not isinstance(config, dict):
        return value
    if name in ("MeanMetricWrapper", "SumOverBatchSizeMetricWrapper"):
        function = config.get("fn")
        if isinstance(function, dict):
            function = function.get("config")
        short = config.get("name") in ("accuracy", "acc") and str(function).endswith("accuracy")
        return "accuracy" if short else _FUNCTIONS.get(str(function), function)
    config = {
        key: "sum_over_batch_size" if (key, item) == ("reduction", "auto") else item
        for key, item in config.items()
        if key != "fn"
    }
    return modern_object({**value, "class_name": name, "config": config}, kind)


def _unwrapped(metrics: Any) -> Any:
    """Keras 2 wrote the metrics of a single output as a list in a list."""
    if isinstance(metrics, list) and len(metrics) == 1 and isinstance(metrics[0], list):
        return metrics[0]
    return metrics
