"""Configurations of Keras 2, TensorFlow 1.x to 2.15 and tf-keras, put into today's form.

Pure JSON to JSON, before anything is checked or built; what it does not know it leaves as it is,
for the checker to refuse. Translating more than the loader of Keras does is the point: it fails on
`groups` of a DepthwiseConv2D, on `lr`, on modules named tf_keras, on lists of one tensor.
"""

from __future__ import annotations

from typing import Any

from prunery.screening.legacy import compiling, graph
from prunery.screening.legacy.objects import modern_object


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
    translated = modern_object(document if three else _modern_graphs(document), "")
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
        made["config"] = graph.translate(config)
    return made


def modern_compile(document: Any) -> Any:
    """A compile configuration in today's form; see `compiling`."""
    if not isinstance(document, dict):
        return document  # for the checker to refuse
    return compiling.translate(document)


def notes(keras_version: str | None) -> list[str]:
    """What a person should know of a file that was translated."""
    if keras_version is None or not keras_version.startswith(("1.", "2.")):
        return []
    return [f"The file was written by Keras {keras_version} and was translated."]
