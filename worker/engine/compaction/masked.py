"""The full-size network that computes what the compact one does: masked.keras.

Its configuration is the upload's, field for field. The compact weights lie in their old places, and
everything removed is exactly 0, in the units' producers and in their readers; BatchNorm's moving
statistics stay. Zeroing producers alone would not do: f(0) need not be 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from worker.engine import masks
from worker.engine.compaction import cloning

Keep = Mapping[str, Mapping[int, Sequence[int]]]

# Statistics are no weights: a mask leaves them where they are.
STATISTICS = frozenset({"moving_mean", "moving_variance", "mean", "variance", "count", "vector_u"})


def scatter(
    original: keras.Model,
    compact: keras.Model,
    keep: Keep,
    *,
    rescaled: Mapping[str, float] | None = None,
) -> keras.Model:
    """Lay the weights of `compact` back into a model of the size and configuration of `original`.

    `keep` holds, for every variable that shrank, the kept indices of each axis in `original`;
    `rescaled` the factors that compaction multiplied values with. The compile configuration is
    that of `compact`, its optimizer's slots are scattered alike and initial where masked.
    """
    full = cloning.clone(original)
    factors = rescaled or {}
    given = masks.variable_keys(compact)
    for key, variable in masks.variable_keys(full).items():
        if key in given:
            variable.assign(_scattered(variable, given[key], key, keep.get(key, {}), factors))
    for layer in masks.layer_paths(full).values():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    optimizer = cloning.copy_compilation(compact, full)
    if optimizer is not None:
        _scatter_slots(optimizer, compact.optimizer, full, keep)
    return full


def under_mask(
    original: keras.Model, compact: keras.Model, weights: Mapping[str, np.ndarray], keep: Keep
) -> keras.Model:
    """The full-size network trained under a weight mask, compiled as its compact twin is.

    `weights` are its own by key: what died of the mask is left as the mask left it, and only the
    twin has constants folded.
    """
    full = cloning.clone(original)
    for key, variable in masks.variable_keys(full).items():
        variable.assign(weights[key])
    optimizer = cloning.copy_compilation(compact, full)
    if optimizer is not None:
        _scatter_slots(optimizer, compact.optimizer, full, keep)
    return full


def masks_of(original: keras.Model, keep: Keep) -> masks.Masks:
    """The mask of every variable that loses units, statistics left out, in the full shape."""
    found = {}
    for key, variable in masks.variable_keys(original).items():
        if key in keep and variable.name not in STATISTICS:
            mask = np.zeros(variable.shape, bool)
            mask[_corner(keep[key], variable.shape)] = True
            found[key] = mask
    return found


def _scattered(
    variable: Any, given: Any, key: str, axes: Mapping[int, Sequence[int]], factors: Any
) -> np.ndarray:
    value = masks.values(given)
    if key in factors:
        value = (value / factors[key]).astype(value.dtype)
    if not axes:
        return value
    full = (
        masks.values(variable)
        if variable.name in STATISTICS
        else np.zeros_like(value, shape=variable.shape)
    )
    full[_corner(axes, variable.shape)] = value
    return full


def _corner(axes: Mapping[int, Sequence[int]], shape: Sequence[int]) -> Any:
    """Index of the kept part: `value[_corner(...)]` has the compact shape."""
    return np.ix_(
        *(np.asarray(axes.get(axis, range(size)), int) for axis, size in enumerate(shape))
    )


def _scatter_slots(full: Any, compact: Any, model: keras.Model, keep: Keep) -> None:
    """Slots pair up by position: both optimizers are of one class, built on the same order."""
    owners = _owners(model, full)
    for slot, small in zip(full.variables, compact.variables, strict=True):
        key = owners.get(id(slot))
        axes = keep.get(key, {}) if key else {}
        if not axes:
            if slot.shape == small.shape:
                slot.assign(small.value)
            continue
        value = masks.values(slot)
        corner = _corner(axes, slot.shape) if len(slot.shape) > max(axes) else None
        if corner is None or value[corner].shape != tuple(small.shape):
            continue  # Factored slots (Adafactor) are no slices of their variable's.
        value[corner] = masks.values(small)
        slot.assign(value)


def _owners(model: keras.Model, optimizer: Any) -> dict[int, str]:
    """The key of the variable that each slot belongs to, found by its name.

    Slots are named after `variable.path`, which two nested models may have in common: the n-th slot
    of one name belongs to the n-th variable of that path.
    """
    keys = masks.key_of(model)
    by_prefix: dict[str, list[str]] = {}
    for variable in model.trainable_variables:
        by_prefix.setdefault(f"{variable.path.replace('/', '_')}_", []).append(keys[id(variable)])
    longest = sorted(by_prefix, key=len, reverse=True)
    met: dict[str, int] = {}
    owners = {}
    for slot in optimizer.variables:
        prefix = next((prefix for prefix in longest if slot.name.startswith(prefix)), None)
        if prefix is not None:
            candidates = by_prefix[prefix]
            owners[id(slot)] = candidates[met.get(slot.name, 0) % len(candidates)]
            met[slot.name] = met.get(slot.name, 0) + 1
    return owners
