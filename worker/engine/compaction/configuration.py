"""A layer's configuration with new sizes in it, and nothing else changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from worker.engine.graph import Cut
from worker.engine.graph.record import Edit

Axes = dict[int, dict[int, np.ndarray]]
_INITIALIZER = "_initializer"


def edited(config: dict[str, Any], edits: Iterable[Edit], cut: Cut) -> dict[str, Any]:
    """A copy of `config` that every edit has been applied to."""
    result = without_build_configs(config)
    for edit in edits:
        edit(result, cut)
    return dict(result)


def without_build_configs(value: Any) -> Any:
    """A copy without the shapes that inner layers were built with: they are built anew.

    Lists that Keras tracks become plain ones, which `copy.deepcopy` cannot do.
    """
    if isinstance(value, dict):
        return {k: without_build_configs(v) for k, v in value.items() if k != "build_config"}
    if isinstance(value, list):
        return [without_build_configs(item) for item in value]
    return value


def cut_constants(config: dict[str, Any], operation: Any, axes: Mapping[int, Any]) -> None:
    """An initializer that holds an array (pretrained embeddings, say) shrinks with its weight.

    axes: kept indices by axis, by the identity of a variable.
    """
    for field, written in config.items():
        value = _constant(field, written)
        if value is None:
            continue
        variable = _variable(operation, field.removesuffix(_INITIALIZER))
        keep = axes.get(id(variable), {})
        array = np.asarray(value["config"]["value"], dtype=value["config"]["dtype"])
        for axis, indices in keep.items():
            end = axis - len(variable.shape)
            if array.ndim >= -end and array.shape[end] == variable.shape[axis]:
                array = np.take(array, indices, axis=end)
        value["config"]["value"] = array.tolist()


def _constant(field: str, written: Any) -> Any | None:
    """The written array of a Constant initializer."""
    if not field.endswith(_INITIALIZER) or not isinstance(written, dict):
        return None
    if written.get("class_name") != "Constant":
        return None
    value = written["config"].get("value")
    known = isinstance(value, dict) and value.get("class_name") in ("__numpy__", "__tensor__")
    return value if known else None


def _variable(operation: Any, name: str) -> Any:
    """The weight that `<name>_initializer` fills."""
    holder = getattr(operation, "cell", operation)
    for attribute in (name, f"{name}_kernel"):
        variable = getattr(holder, attribute, None)
        if hasattr(variable, "shape"):
            return variable
    return None
