"""Serialized objects of Keras 2 and tf-keras, layers and all they hold, put into today's form."""

from __future__ import annotations

from typing import Any

from prunery.screening import allowlist
from prunery.screening.legacy import layers

_BY_SUFFIX = {
    "_initializer": "initializer",
    "_regularizer": "regularizer",
    "_constraint": "constraint",
}
_PLACES = ("layer", "model", "operation")


def modern_object(value: Any, kind: str) -> Any:
    """One object, or whatever holds some, in today's form.

    kind: what it is (layer, optimizer, loss, schedule ...); "" where that is not known.
    """
    if isinstance(value, list):
        return [modern_object(item, kind) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape") and isinstance(
        value.get("items"), list
    ):
        return [modern_object(item, kind) for item in value["items"]]
    if value.get("type") == "ndarray" and "value" in value:
        return value["value"]
    if isinstance(value.get("class_name"), str) and "config" in value:
        return _modern_object(value, kind)
    return {key: modern_object(item, _kind_of_key(key) or kind) for key, item in value.items()}


def _kind_of_key(key: str) -> str:
    for suffix, kind in _BY_SUFFIX.items():
        if key.endswith(suffix):
            return kind
    return {"dtype": "dtype_policy", "learning_rate": "schedule"}.get(key, "")


def _modern_object(value: dict[str, Any], kind: str) -> dict[str, Any]:
    name, config = value["class_name"], value["config"]
    if name.startswith("__") or name == "function":
        return value
    name = layers.NAMES.get(name, name) if kind in ("", *_PLACES) else name
    if kind == "dtype_policy" and name in ("Policy", "PolicyV1", "DTypePolicy"):
        policy = config.get("name") if isinstance(config, dict) else None
        return _object("keras", "DTypePolicy", {"name": policy})
    home, found = _home(name, value.get("module"), kind or _places(config))
    if found == "model":
        config = layers.model(name, config)
    config = (
        {key: modern_object(item, _kind_of_key(key)) for key, item in config.items()}
        if isinstance(config, dict)
        else config
    )
    if isinstance(config, dict):
        if found == "layer":
            config = layers.layer(name, config)
        elif found == "initializer":
            config = layers.initializer(name, config)
    kept = {
        key: modern_object(item, "") if key == "inbound_nodes" else item
        for key, item in value.items()
        if key not in ("config", "module", "class_name", "registered_name", "build_config")
        and key != "compile_config"
    }
    registered = value.get("registered_name")
    if home is not None:
        known = (None, name, value["class_name"], f"Custom>{name}")
        registered = None if registered in known else registered
    else:
        home = value.get("module")
    return {
        "module": home,
        "class_name": name,
        "config": config,
        "registered_name": registered,
        **kept,
    }


def _object(module: str, name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": config, "registered_name": None}


def _places(config: Any) -> tuple[str, ...]:
    """Layers and operations share names (Add, Reshape); only layers say whether they train."""
    if isinstance(config, dict) and "name" in config and "trainable" not in config:
        return ("operation", *_PLACES)
    return _PLACES


def _home(name: str, module: Any, kind: str | tuple[str, ...]) -> tuple[str | None, str]:
    """Where a class lives today, and its kind; (None, "") where it is not one of Keras'."""
    if isinstance(module, str) and (module, name) in allowlist.kinds():
        return module, allowlist.kinds()[module, name]
    if module is not None and not _was_keras(module):
        return None, ""
    for place in (kind,) if isinstance(kind, str) else kind:
        if name in allowlist.homes(place):
            return allowlist.homes(place)[name], place
    return None, ""


def _was_keras(module: Any) -> bool:
    """Modules of Keras 2 and tf-keras, whose classes live elsewhere today."""
    return isinstance(module, str) and (
        module.split(".")[0] == "tf_keras"
        or module.startswith(("keras.src.engine", "keras.engine", "keras.src.layers"))
        or module.startswith(("keras.layers", "keras.src.optimizers", "keras.optimizers"))
        or module in ("keras.models", "keras.mixed_precision")
    )
