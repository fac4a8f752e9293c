"""Configurations of Keras 2, TensorFlow 1.x to 2.15 and tf-keras, put into today's form.

Pure JSON to JSON, before anything is checked or built; what it does not know it leaves as it is,
for the checker to refuse. Translating more than the loader of Keras does is the point: it fails on
`groups` of a DepthwiseConv2D, on `lr`, on modules named tf_keras, on lists of one tensor.
"""

from __future__ import annotations

from typing import Any

from prunery.screening import allowlist, legacy_graph, legacy_layers

_BY_SUFFIX = {
    "_initializer": "initializer",
    "_regularizer": "regularizer",
    "_constraint": "constraint",
}
_PLACES = ("layer", "model", "operation")


def is_legacy(document: Any, keras_version: str | None) -> bool:
    """Tell whether a file's configuration is of an older form than Keras 3's own archives hold."""
    if keras_version is not None and keras_version[:2] in ("1.", "2."):
        return True
    if not isinstance(document, dict):
        return False
    if "optimizer_config" in document or ("class_name" in document and "module" not in document):
        return True
    return _names_tf_keras(document)


def _names_tf_keras(document: Any) -> bool:
    stack = [document]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            module = item.get("module")
            if isinstance(module, str) and module.split(".")[0] == "tf_keras":
                return True
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return False


def modern_model(document: dict[str, Any], keras_version: str | None = None) -> dict[str, Any]:
    """A model's configuration in today's form."""
    # An .h5 of Keras 3 lacks modules like those of Keras 2, but its graph is today's.
    three = keras_version is not None and keras_version.startswith("3")
    translated = _modern(document if three else _modern_graphs(document), "")
    compile_config = document.get("compile_config")
    if isinstance(translated, dict) and compile_config:
        translated["compile_config"] = compile_config
    return translated if isinstance(translated, dict) else document


def _modern_graphs(document: Any) -> Any:
    """The document with the graph of every functional model in it translated, inner ones first."""
    if isinstance(document, list):
        return [_modern_graphs(item) for item in document]
    if not isinstance(document, dict):
        return document
    made = {key: _modern_graphs(item) for key, item in document.items()}
    config = made.get("config")
    if made.get("class_name") in ("Functional", "Model") and isinstance(config, dict):
        made["config"] = legacy_graph.translate(config)
    return made


def modern_object(value: Any, kind: str) -> Any:
    """One object of a known kind (optimizer, loss, metric, schedule) in today's form."""
    return _modern(value, kind)


def _modern(value: Any, kind: str) -> Any:
    if isinstance(value, list):
        return [_modern(item, kind) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape") and isinstance(
        value.get("items"), list
    ):
        return [_modern(item, kind) for item in value["items"]]
    if value.get("type") == "ndarray" and "value" in value:
        return value["value"]
    if isinstance(value.get("class_name"), str) and "config" in value:
        return _modern_object(value, kind)
    return {key: _modern(item, _kind_of_key(key) or kind) for key, item in value.items()}


def _kind_of_key(key: str) -> str:
    for suffix, kind in _BY_SUFFIX.items():
        if key.endswith(suffix):
            return kind
    return {"dtype": "dtype_policy", "learning_rate": "schedule"}.get(key, "")


def _modern_object(value: dict[str, Any], kind: str) -> dict[str, Any]:
    name, config = value["class_name"], value["config"]
    if name.startswith("__") or name == "function":
        return value
    name = legacy_layers.NAMES.get(name, name) if kind in ("", *_PLACES) else name
    if kind == "dtype_policy" and name in ("Policy", "PolicyV1", "DTypePolicy"):
        policy = config.get("name") if isinstance(config, dict) else None
        return _object("keras", "DTypePolicy", {"name": policy})
    home, found = _home(name, value.get("module"), kind or _places(config))
    if found == "model":
        config = legacy_layers.model(name, config)
    config = (
        {key: _modern(item, _kind_of_key(key)) for key, item in config.items()}
        if isinstance(config, dict)
        else config
    )
    if isinstance(config, dict):
        if found == "layer":
            config = legacy_layers.layer(name, config)
        elif found == "initializer":
            config = legacy_layers.initializer(name, config)
    kept = {
        key: _modern(item, "") if key == "inbound_nodes" else item
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


def modern_compile(document: Any) -> Any:
    """A compile configuration in today's form; see `legacy_compile`."""
    if not isinstance(document, dict):
        return document  # for the checker to refuse
    from prunery.screening import legacy_compile  # it translates objects with this module

    return legacy_compile.translate(document)


def notes(keras_version: str | None) -> list[str]:
    """What a person should know of a file that was translated."""
    if keras_version is None or not keras_version.startswith(("1.", "2.")):
        return []
    return [f"The file was written by Keras {keras_version} and was translated."]
