"""A model's configuration, checked before anything is built from it.

Every object that it names must be an exact (module, class) of the allow-list, every function one of
Keras' own at a place where functions belong. What passes can still be wrong; it cannot run code.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from prunery.screening import allowlist, constants
from prunery.screening.names import check_name
from prunery.specs.errors import PruneryError

MAX_INTEGER = 2**24
MAX_LAYERS = 5_000
MAX_TEXT = 2_000

# Not sizes: a seed may be any number, a vocabulary holds the user's own ids.
FREE_INTEGERS = frozenset({"seed", "shared_object_id", "vocabulary", "value", "mask_value"})
# Bounds and fillings of operations, which may be infinite: a setting of a layer may not.
INFINITE = frozenset({"args", "constant_values", "fill_value", "x1", "x2", "x_min", "x_max"})
PATHS = frozenset({"vocabulary", "idf_weights", "filepath", "path", "filename", "url", "weights"})
FUNCTION_PLACES = {
    "loss": ("loss",),
    "metrics": ("metric", "loss"),
    "weighted_metrics": ("metric", "loss"),
    "fn": ("metric", "loss"),
}
_HUB = (
    "With keras_hub imported: plain = keras.models.clone_model(model, recursive=True); "
    "plain.set_weights(model.get_weights()); plain.save('plain.keras'). It is the same network, "
    "with its backbone written out in layers."
)
_HUB_LAYER = (
    "This layer is keras_hub's own and cannot be written out. ResNet, VGG, DenseNet and Xception "
    "backbones have built-in layers alone."
)
HINTS = {
    "Lambda": "Replace it by a built-in layer, such as Rescaling, or by keras.ops.",
    **dict.fromkeys(
        ("LocallyConnected1D", "LocallyConnected2D"),
        "Keras 3 has no such layer: train a model that has a convolution in its place.",
    ),
    **dict.fromkeys(
        ("TFOpLambda", "SlicingOpLambda"),
        "Load it with the Keras that wrote it and put layers in place of tf functions.",
    ),
}
HUB_PACKAGES = ("keras_hub", "keras_nlp", "keras_cv")
HUB_MODELS = ("Backbone", "Classifier", "Segmenter", "Detector")
NAMED_KINDS = frozenset({"layer", "model", "operation"})


class Found(NamedTuple):
    """One value: under which key (or in its list), functions allowed there, in which layer."""

    value: Any
    key: str
    role: tuple[str, ...]
    layer: str
    listed: bool = False


def check_model(document: Any, *, max_layers: int = MAX_LAYERS) -> None:
    """Raise for anything but a Functional or Sequential model of built-in objects.

    `compile_config` is left to `check_compile`: a custom loss is no reason to turn a model away.
    """
    if not isinstance(document, dict) or not isinstance(document.get("config"), dict):
        raise PruneryError("model_config_invalid", "The configuration is not that of a model.")
    document = {key: value for key, value in document.items() if key != "compile_config"}
    _check_count(document, max_layers)
    kind = _check(document)
    if kind != "model":
        raise PruneryError(
            "model_config_invalid",
            f"The configuration is that of a {kind}, not of a model.",
            hint="Save a functional or sequential model with model.save('net.keras').",
        )


def _check_count(document: dict[str, Any], most: int) -> None:
    """Stop at the first layer too many: to look at a million of them takes a minute."""
    layers = (
        item
        for item in _walk(document)
        if isinstance(item.value, dict) and _kind(item.value) in NAMED_KINDS
    )
    if next(itertools.islice(layers, most, None), None) is not None:
        raise PruneryError("model_too_large", f"The model has more than {most:,} layers.")


def check_compile(document: Any) -> None:
    """Raise for a compile configuration that names anything not built in."""
    if not isinstance(document, dict):
        raise PruneryError("model_config_invalid", "compile_config is not an object.")
    _check(document)


def _check(document: dict[str, Any]) -> str:
    for item in _walk(document):
        try:
            _check_value(item)
        except PruneryError as error:
            raise (error.at(item.layer) if item.layer else error) from None
    return _kind(document)


def _walk(document: Any) -> Iterator[Found]:
    """Every value below the document, parents first."""
    stack = [Found(document, "", (), "")]
    while stack:
        item = stack.pop()
        value = item.value
        if isinstance(value, dict) and (name := _layer_name(value)):
            item = item._replace(layer=name)
        yield item
        if isinstance(value, list):
            _, key, role, layer, _ = item
            stack.extend(Found(child, key, role, layer, listed=True) for child in value)
        elif isinstance(value, dict):
            if constants.is_constant(value):
                continue
            inside = "class_name" in value
            for key, child in value.items():
                role = () if inside else item.role
                stack.append(Found(child, key, _places(key) or role, item.layer))


def _places(key: str) -> tuple[str, ...]:
    return ("activation",) if key.endswith("activation") else FUNCTION_PLACES.get(key, ())


def _layer_name(value: dict[str, Any]) -> str:
    config = value.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    return name if isinstance(name, str) and "class_name" in value else ""


def _kind(value: dict[str, Any]) -> str:
    module, name = value.get("module"), value.get("class_name")
    if isinstance(module, str) and isinstance(name, str):
        return allowlist.kinds().get((module, name), "")
    return ""


def _check_value(item: Found) -> None:
    value = item.value
    if isinstance(value, dict):
        if "class_name" in value:
            _check_object(item, value)
    elif isinstance(value, bool):
        return
    elif isinstance(value, int):
        if value > MAX_INTEGER and item.key not in FREE_INTEGERS:
            raise PruneryError(
                "model_too_large",
                f"{_where(item)}{item.key[:80]!r} is {value:,}; at most {MAX_INTEGER:,} fit.",
            )
    elif isinstance(value, float):
        if not math.isfinite(value) and item.key not in INFINITE:
            raise PruneryError(
                "model_config_invalid", f"{_where(item)}{item.key[:80]!r} is infinite."
            )
    elif isinstance(value, str):
        _check_text(item, value)


def _check_text(item: Found, value: str) -> None:
    if item.key in PATHS and not item.listed:
        raise PruneryError(
            "model_external_reference",
            f"{_where(item)}{item.key!r} is a text, which Keras would read as the path of a file.",
        )
    if len(value) > MAX_TEXT:
        raise PruneryError(
            "model_config_invalid",
            f"{_where(item)}{item.key[:80]!r} holds a text of {len(value):,} characters.",
        )
    if item.role == ("activation",) and value not in allowlist.functions("activation"):
        raise PruneryError(
            "model_custom_object",
            f"{_where(item)}the activation {value[:80]!r} is not one of Keras'.",
        )


def _check_object(item: Found, value: dict[str, Any]) -> None:
    name = value["class_name"]
    item = item._replace(layer=_layer_name(value) or item.layer)
    if not isinstance(name, str) or "config" not in value:
        raise PruneryError(
            "model_config_invalid", f"{_where(item)}an object lacks its class name or config."
        )
    if constants.is_constant(value):
        constants.check(value)
        return
    if name == "function":
        _check_function(item, value)
        return
    kind = _kind(value)
    if not kind:
        _refuse(item, name, value.get("module"))
    if value.get("registered_name") not in (None, name):
        raise PruneryError(
            "model_unsafe_object",
            f"{_where(item)}{name} is registered under another name.",
        )
    if not isinstance(value["config"], dict):
        raise PruneryError("model_config_invalid", f"{_where(item)}{name} has no configuration.")
    if kind in NAMED_KINDS:
        check_name(value["config"].get("name"))
        check_name(value.get("name"))


def _check_function(item: Found, value: dict[str, Any]) -> None:
    name, module = value["config"], value.get("module")
    known = isinstance(name, str) and any(name in allowlist.functions(place) for place in item.role)
    homes = ("builtins", "keras.activations", "keras.losses", "keras.metrics")
    if known and module in homes and value.get("registered_name") in (None, "function", name):
        return
    if item.role and isinstance(name, str) and module in (None, "builtins"):
        raise PruneryError(
            "model_custom_object",
            f"{_where(item)}the function {name[:80]!r} is not part of Keras.",
        )
    raise PruneryError(
        "model_unsafe_object",
        f"{_where(item)}the function {str(name)[:80]!r} may not be called by a model.",
    )


def _refuse(item: Found, name: str, module: Any) -> None:
    inside = isinstance(module, str) and module.split(".")[0] in ("keras", "builtins")
    if inside or name.startswith("__") or name in ("Lambda", "TFSMLayer"):
        raise PruneryError(
            "model_unsafe_object",
            f"{_where(item)}{name[:80]!r} could run code that the file brings along.",
            hint=HINTS.get(name),
        )
    home = f" of {module[:80]!r}" if isinstance(module, str) else ""
    raise PruneryError(
        "model_custom_object",
        f"{_where(item)}{name[:80]!r}{home} is not a class of Keras.",
        hint=_hint(name, str(module).split(".")[0]),
    )


def _hint(name: str, package: str) -> str | None:
    if package in HUB_PACKAGES:
        return _HUB if name.endswith(HUB_MODELS) else _HUB_LAYER
    return HINTS.get(name)


def _where(item: Found) -> str:
    return f"Layer {item.layer[:80]!r}: " if item.layer else ""
