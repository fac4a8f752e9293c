"""Configurations: equal but for sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

# What compaction may change in a layer's own configuration.
SIZES = {
    "units", "filters", "groups", "num_heads", "num_query_heads", "num_key_value_heads", "head_dim",
    "key_dim", "value_dim", "output_dim", "output_shape", "target_shape", "indices_or_sections",
    "newshape", "shape", "sections", "mean", "variance", "scale", "offset", "dim",
    "n",
}  # fmt: skip
# Shapes that Keras writes down for building, and the arguments of operations in the graph.
SHAPES = {"build_config", "build_input_shape", "batch_shape", "batch_input_shape", "input_shape"}

# The array of a Constant initializer, which is cut with the weight that it fills.
INITIAL_ARRAY = "_initializer/config/value/config/value/"


def differences(upload: Any, ours: Any, path: str = "") -> Iterator[str]:
    """Where two configurations differ, any difference counting."""
    if isinstance(upload, dict) and isinstance(ours, dict):
        for key in sorted({*upload, *ours}, key=str):
            if key not in upload or key not in ours:
                yield f"{path}/{key} is only in one"
            else:
                yield from differences(upload[key], ours[key], f"{path}/{key}")
    elif isinstance(upload, list | tuple) and isinstance(ours, list | tuple):
        if len(upload) != len(ours):
            yield f"{path}: {len(upload)} entries against {len(ours)}"
        for k, (a, b) in enumerate(zip(upload, ours, strict=False)):
            yield from differences(a, b, f"{path}/{k}")
    elif upload != ours and repr(upload) != repr(ours):
        yield f"{path}: {upload!r} against {ours!r}"


def more_than_sizes(upload: dict[str, Any], ours: dict[str, Any]) -> Iterator[str]:
    """Differences that compaction must not make."""
    for difference in differences(upload, ours):
        path = difference.split(": ")[0].split(" is only")[0].split("/")
        if SIZES & set(path) or SHAPES & set(path) or INITIAL_ARRAY in "/".join(path) + "/":
            continue
        if "inbound_nodes" in path and "history" not in difference:
            # Arguments of reshapes and slices, and the shapes of symbolic tensors.
            if {"keras_history", "class_name"} & set(path):
                yield difference
            continue
        yield difference


def without_epsilon_of_mean_square(config: Any) -> Any:
    """The same configuration, the epsilon of RMSNormalization left out: it may be rescaled."""
    if isinstance(config, dict):
        drop = config.get("class_name") == "RMSNormalization"
        return {
            key: {k: v for k, v in value.items() if k != "epsilon"}
            if drop and key == "config"
            else without_epsilon_of_mean_square(value)
            for key, value in config.items()
        }
    if isinstance(config, list | tuple):
        return [without_epsilon_of_mean_square(item) for item in config]
    return config


def interface(model: keras.Model) -> Any:
    """Inputs and outputs: names, shapes, dtypes, structure."""
    graph = getattr(model, "_functional", None) or model

    def described(tensor: Any) -> tuple[Any, ...]:
        return tuple(tensor.shape), str(tensor.dtype)

    return (
        [(t._keras_history.operation.name, *described(t)) for t in graph.inputs],
        repr(keras.tree.map_structure(described, graph._inputs_struct)),
        repr(keras.tree.map_structure(described, graph._outputs_struct)),
        list(model.output_names) if hasattr(model, "output_names") else None,
    )
