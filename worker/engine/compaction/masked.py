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
from worker.engine.arrays import Arrays, OnDemand
from worker.engine.compaction import cloning, optimizer

Keep = Mapping[str, Mapping[int, Sequence[int] | np.ndarray]]

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
    values = at_full_size(masks.views(full), compact, keep, rescaled=rescaled)
    for key, variable in masks.variable_keys(full).items():
        variable.assign(values[key])
    for layer in masks.layer_paths(full).values():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    compile_alike(full, compact, keep)
    return full


def at_full_size(
    original: Arrays,
    compact: keras.Model,
    keep: Keep,
    *,
    rescaled: Mapping[str, float] | None = None,
) -> Arrays:
    """The weights of `compact` in the places and the shapes of `original`, made when asked for."""
    given = masks.variable_keys(compact)

    def make(key: str) -> np.ndarray:
        if key not in given:
            return original[key]
        factor = (rescaled or {}).get(key)
        name, value = given[key].name, masks.view(given[key])
        return _scattered(name, original[key], value, keep.get(key, {}), factor)

    return OnDemand(original, make)


def compile_alike(full: keras.Model, compact: keras.Model, keep: Keep) -> None:
    """Compile the full-size network as its compact twin is, with the twin's slots in it."""
    trained = cloning.copy_compilation(compact, full)
    if trained is not None:
        _scatter_slots(trained, compact.optimizer, full, compact, keep)
    elif full.compiled:
        full.compiled, full.optimizer = False, None


def masks_of(original: keras.Model, keep: Keep) -> masks.Masks:
    """The mask of every variable that loses units, statistics left out, in the full shape."""
    shapes = {
        key: tuple(variable.shape)
        for key, variable in masks.variable_keys(original).items()
        if key in keep and variable.name not in STATISTICS
    }

    def make(key: str) -> np.ndarray:
        mask = np.zeros(shapes[key], bool)
        mask[corner(keep[key], mask.shape)] = True
        return mask

    return OnDemand(shapes, make)


def _scattered(
    name: str,
    original: np.ndarray,
    value: np.ndarray,
    axes: Mapping[int, Sequence[int] | np.ndarray],
    factor: float | None,
) -> np.ndarray:
    """The compact values of the variable `name` in their places."""
    if not axes and factor is None:
        return value
    place = corner(axes, original.shape)
    if factor is not None:
        value = scaled_back(value, original[place], factor)
    full = original.copy() if name in STATISTICS else np.zeros_like(original)
    full[place] = value
    return full


def scaled_back(value: np.ndarray, original: np.ndarray, factor: float) -> np.ndarray:
    """Values before they were rescaled: the original's, bit for bit, where nothing trained them."""
    untouched = (original.astype(np.float64) * factor).astype(value.dtype) == value
    return np.where(untouched, original, (value.astype(np.float64) / factor).astype(value.dtype))


def corner(axes: Mapping[int, Sequence[int] | np.ndarray], shape: Sequence[int]) -> Any:
    """Index of the kept part: `value[corner(...)]` has the compact shape."""
    if not shape:
        return ()
    return np.ix_(
        *(np.asarray(axes.get(axis, range(size)), int) for axis, size in enumerate(shape))
    )


def _scatter_slots(
    full: Any, compact: Any, model: keras.Model, small: keras.Model, keep: Keep
) -> None:
    """Each weight's slots go where the weight goes; steps and rates are copied."""
    for inner, its_copy in zip(optimizer.wrapped(full), optimizer.wrapped(compact), strict=True):
        _scatter_slots(inner, its_copy, model, small, keep)
    for name, variable in vars(compact).items():
        if isinstance(variable, keras.Variable):
            getattr(full, name).assign(variable.value)
    source = optimizer.slots(compact, masks.key_of(small))
    shapes = {key: tuple(v.shape) for key, v in masks.variable_keys(model).items()}
    for place, slot in optimizer.slots(full, masks.key_of(model)).items():
        value, given = masks.values(slot), masks.values(source[place])
        axes = keep.get(place[1], {})
        if axes and value.shape != shapes[place[1]]:
            continue  # Factored slots (Adafactor) are no slices of their variable's.
        place_in = corner(axes, value.shape)
        if value[place_in].shape == given.shape:
            value[place_in] = given
            slot.assign(value)
