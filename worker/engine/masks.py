"""Masks, and the keys that name a model's variables: the engine's ground floor.

A key is the layer's path, nested models contributing their names, then the variable's own path
below its layer: `backbone/block1_conv/kernel`, `lstm/lstm_cell/recurrent_kernel`. Unlike Keras'
`variable.path` it is unique, and survives saving and loading.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np

from worker.engine.arrays import Arrays, OnDemand
from worker.engine.variables import read

Masks = Arrays

PRUNABLE_NAMES = frozenset(
    {"kernel", "recurrent_kernel", "depthwise_kernel", "pointwise_kernel", "embeddings"}
)
# Keras numbers these for the whole process; the number does not survive a reload.
_COUNTED = re.compile(r"^(seed_generator|variable)_\d+$")
# The path of stacked cells holds this name before saving, and not after loading.
_FLEETING = re.compile(r"stacked_rnn_cells(_\d+)?")


def variable_keys(model: keras.Model, *, seeds: bool = False) -> dict[str, keras.Variable]:
    """Name every weight of a model, trainable or not, in the order of its layers.

    A shared variable has the key of its first place. With `seeds`, the states of the random
    generators (which are no weights) are named too.
    """
    keys: dict[str, keras.Variable] = {}
    seen: set[int] = set()
    for key, variable in _walk(model, "", seeds):
        if id(variable) in seen:
            continue
        seen.add(id(variable))
        keys[_unique(key, keys)] = variable
    return keys


def key_of(model: keras.Model, *, seeds: bool = False) -> dict[int, str]:
    """The same names, found by `id(variable)`."""
    return {id(variable): key for key, variable in variable_keys(model, seeds=seeds).items()}


def values(variable: keras.Variable) -> np.ndarray:
    """A copy of a variable's values in its own dtype (NumPy 2 warns at `np.array(variable)`)."""
    return np.array(read(variable))


def view(variable: keras.Variable) -> np.ndarray:
    """A variable's values as they are now, without a copy, and not to be written to.

    They stay what they are when the variable is assigned to.
    """
    return np.asarray(read(variable))


def views(model: keras.Model) -> Arrays:
    """`view` of every weight by key, taken when it is asked for."""
    variables = variable_keys(model)
    return OnDemand(variables, lambda key: view(variables[key]))


def layer_paths(model: keras.Model) -> dict[str, keras.Layer]:
    """Name every layer of a model, nested ones as `outer/inner`; a nested model before its own."""
    return dict(_layers(model, ""))


def prunable_keys(model: keras.Model) -> list[str]:
    """Keys of kernels and embeddings: never biases, normalisation, or quantised weights."""
    return [
        key
        for key, variable in variable_keys(model).items()
        if variable.name in PRUNABLE_NAMES and "float" in str(variable.dtype)
    ]


def density(masks: Masks, keys: Iterable[str] | None = None) -> float:
    """Live weights over all weights of `keys` (default: of all masks), 0 to 1."""
    chosen = list(masks if keys is None else keys)
    total = sum(masks[key].size for key in chosen)
    alive = sum(int(np.count_nonzero(masks[key])) for key in chosen)
    return alive / total if total else 1.0


def apply(model: keras.Model, masks: Masks) -> None:
    """Set every weight whose mask is False to exactly 0.0 (never -0.0), in place."""
    variables = variable_keys(model)
    for key, mask in masks.items():
        variable = variables[key]
        value = values(variable)
        if mask.shape != value.shape:
            raise ValueError(f"the mask of {key} is {mask.shape}, the variable {value.shape}")
        variable.assign(np.where(mask, value, np.zeros((), value.dtype)))


def _walk(layer: Any, prefix: str, seeds: bool) -> Iterator[tuple[str, Any]]:
    for path, child in _layers(layer, prefix):
        if isinstance(child, keras.Model):
            continue
        inner = [model for _, model in _inner_models(child, path)]
        owned = {id(v) for model in inner for v in model.variables}
        for variable in child.variables if seeds else child.weights:
            if id(variable) not in owned:
                yield f"{path}/{_below(child, variable)}", variable
        for model_path, model in _inner_models(child, path):
            yield from _walk(model, model_path, seeds)


def _layers(model: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for layer in model.layers:
        path = f"{prefix}{layer.name}"
        yield path, layer
        if isinstance(layer, keras.Model):
            yield from _layers(layer, f"{path}/")


def _inner_models(layer: Any, path: str) -> list[tuple[str, keras.Model]]:
    """Models that a wrapper layer (TimeDistributed) holds, each with its prefix."""
    return [
        (f"{path}/{child.name}/", child)
        for child in layer._flatten_layers(include_self=False, recursive=False)
        if isinstance(child, keras.Model)
    ]


def _below(layer: Any, variable: Any) -> str:
    """The variable's path below its layer; built elsewhere, its whole path is below."""
    parts = variable.path.split("/")
    own = (layer.path or layer.name).split("/")
    if parts[: len(own)] == own:
        parts = parts[len(own) :]
    elif layer.name in parts[:-1]:
        parts = parts[parts.index(layer.name) + 1 :]
    lasting = [part for part in parts if not _FLEETING.fullmatch(part)]
    return "/".join(_COUNTED.sub(r"\1", part) for part in lasting)


def _unique(key: str, taken: dict[str, Any]) -> str:
    number, candidate = 1, key
    while candidate in taken:
        candidate, number = f"{key}_{number}", number + 1
    return candidate
