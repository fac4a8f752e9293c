"""Write `prunery/screening/allowlist.json` from the installed Keras.

    python -m scripts.allowlist [--check]

A person runs this after a Keras upgrade and reads the diff: names are never added by themselves
(a test compares the committed file with the installed Keras).
"""

from __future__ import annotations

import inspect
import json
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import keras

import prunery.screening

TARGET = Path(prunery.screening.__file__).with_name("allowlist.json")

# Layers that run what a configuration names, or that are no layers in themselves.
REFUSED_LAYERS = frozenset(
    {
        "FlaxLayer",
        "InputSpec",
        "JaxLayer",
        "Lambda",
        "Layer",
        "Pipeline",
        "TFSMLayer",
        "TorchModuleWrapper",
        "Wrapper",
    }
)
REFUSED_OPERATIONS = frozenset({"JVP"})
CORE_OPERATIONS = frozenset(
    {"Cast", "ConvertToTensor", "Slice", "SliceUpdate", "Scatter", "Unstack", "StopGradient"}
)
BASE_CLASSES = frozenset(
    {"Initializer", "Regularizer", "Constraint", "Loss", "Metric", "Optimizer"}
    | {"LearningRateSchedule"}
)
OPERATION_MODULES = ("numpy", "nn", "math", "image", "linalg")


def snapshot() -> dict[str, Any]:
    """What the installed Keras offers of the kinds that a configuration may name."""
    layers = _classes("keras.layers") - REFUSED_LAYERS
    operations = {
        f"keras.src.ops.{name}": sorted(_operations(f"keras.src.ops.{name}") - REFUSED_OPERATIONS)
        for name in OPERATION_MODULES
    }
    core = _operations("keras.src.ops.core")
    operations["keras.src.ops.core"] = sorted(core & CORE_OPERATIONS)
    operations["keras.src.activations.activations"] = sorted(
        _operations("keras.src.activations.activations")
    )
    return {
        "keras_version": keras.__version__,
        "classes": {
            "layer": {
                "keras.layers": sorted(layers),
                "keras.src.applications.convnext": ["LayerScale"],
                "keras.src.applications.inception_resnet_v2": ["CustomScaleLayer"],
            },
            "model": {
                "keras": ["Sequential"],
                "keras.models": ["Sequential"],
                "keras.src.models.functional": ["Functional"],
                "keras.src.models.sequential": ["Sequential"],
            },
            "operation": operations,
            "initializer": {"keras.initializers": _kind("keras.initializers")},
            "regularizer": {"keras.regularizers": _kind("keras.regularizers")},
            "constraint": {"keras.constraints": _kind("keras.constraints")},
            "loss": {"keras.losses": _kind("keras.losses")},
            "metric": {"keras.metrics": _kind("keras.metrics")},
            "optimizer": {"keras.optimizers": _kind("keras.optimizers")},
            "schedule": {"keras.optimizers.schedules": _kind("keras.optimizers.schedules")},
            "dtype_policy": {
                "keras": ["DTypePolicy", "FloatDTypePolicy"],
                "keras.dtype_policies": ["DTypePolicy", "DTypePolicyMap", "FloatDTypePolicy"],
            },
        },
        "functions": {
            "activation": _functions("keras.activations"),
            "loss": _functions("keras.losses"),
            "metric": _functions("keras.metrics"),
        },
    }


def _classes(module: str) -> set[str]:
    return {name for name, found in _members(module) if inspect.isclass(found)}


def _kind(module: str) -> list[str]:
    return sorted(_classes(module) - BASE_CLASSES)


def _functions(module: str) -> list[str]:
    handlers = {"deserialize", "get", "serialize"}
    return sorted(
        {name for name, found in _members(module) if inspect.isfunction(found)} - handlers
    )


def _operations(module: str) -> set[str]:
    return {
        name
        for name, found in vars(import_module(module)).items()
        if inspect.isclass(found)
        and issubclass(found, keras.Operation)
        and found.__module__ == module
    }


def _members(module: str) -> list[tuple[str, Any]]:
    found: ModuleType = import_module(module)
    return [(name, getattr(found, name)) for name in dir(found) if not name.startswith("_")]


def text() -> str:
    """The file's content."""
    return json.dumps(snapshot(), indent=1) + "\n"


def main() -> None:
    """Write the file, or with `--check` exit 1 where it differs."""
    if "--check" in sys.argv:
        sys.exit(TARGET.read_text() != text())
    TARGET.write_text(text())


if __name__ == "__main__":
    main()
