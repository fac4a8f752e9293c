"""A second model of the same configuration, with the first one's values."""

from __future__ import annotations

import warnings
from typing import Any

import keras

from worker.engine import masks
from worker.engine.assets import copy_assets


def clone(model: keras.Model) -> keras.Model:
    """Rebuild a model from its configuration and copy its weights and vocabularies, uncompiled."""
    with warnings.catch_warnings():
        # A dict of inputs whose keys are not the inputs' names warns, as the upload did.
        warnings.simplefilter("ignore", UserWarning)
        twin = type(model).from_config(model.get_config())
    if not twin.built:
        twin.build_from_config(model.get_build_config())
    pair = (masks.variable_keys(one, seeds=True).values() for one in (model, twin))
    for theirs, variable in zip(*pair, strict=True):
        variable.assign(theirs.value)
    copy_assets(model, twin)
    return twin


def copy_compilation(source: keras.Model, target: keras.Model) -> Any | None:
    """Compile `target` as `source` is compiled, its optimizer built; None where it is not."""
    if not source.compiled or source.optimizer is None:
        return None
    target.compile_from_config(source.get_compile_config())
    if not target.optimizer.built:
        target.optimizer.build(target.trainable_variables)
    return target.optimizer
