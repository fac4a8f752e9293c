"""The key of every variable, as the description of the artifacts defines it."""

from __future__ import annotations

import re

import keras
import numpy as np


def variables(model: keras.Model) -> dict[str, keras.Variable]:
    """All weights of a model by key."""
    found: dict[str, keras.Variable] = {}
    seen = set()
    for prefix, layer in places(model):
        inner = [
            sub for sub in layer._flatten_layers(include_self=False) if isinstance(sub, keras.Model)
        ]
        holders = [(f"{prefix}/{sub.name}", sub) for sub in inner] or [(prefix, layer)]
        for holder, thing in holders:
            named = variables(thing).items() if isinstance(thing, keras.Model) else own(thing)
            for name, variable in named:
                if id(variable) not in seen:
                    seen.add(id(variable))
                    key = f"{holder}/{name}"
                    assert key not in found, f"two variables are called {key}"
                    found[key] = variable
    return found


def places(model: keras.Model, prefix: str = "") -> list[tuple[str, keras.Layer]]:
    """Every layer that is no model, by path."""
    found = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += places(layer, f"{prefix}{layer.name}/")
        else:
            found.append((f"{prefix}{layer.name}", layer))
    return found


def own(layer: keras.Layer) -> list[tuple[str, keras.Variable]]:
    """Weights of a layer by their path below it."""
    found = []
    for variable in layer.weights:
        path = variable.path
        for start in (layer.path, layer.name):
            if start and path.startswith(f"{start}/"):
                path = path[len(start) + 1 :]
                break
            if start and f"/{start}/" in path:
                path = path.split(f"/{start}/", 1)[1]
                break
        found.append(
            (re.sub(r"(^|/)(seed_generator|variable)_\d+(?=/|$)", r"\1\2", path), variable)
        )
    return found


def array(variable: keras.Variable) -> np.ndarray:
    """Values in the variable's own dtype."""
    return np.array(variable.value.numpy())
