"""Weights and optimizer slots: sub-tensors bit for bit, exact zeros elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from tests.acceptance.outsider import keys

STATISTICS = {"moving_mean", "moving_variance", "mean", "variance", "count", "vector_u"}
Keep = Mapping[str, Mapping[str, list[int]]]


def sub_tensors(
    full: keras.Model, compact: keras.Model, keep: Keep, excepted: set[str]
) -> Iterator[str]:
    """Rule 1: each variable of the compact model is a part of the full one's, in order."""
    large, small = keys.variables(full), keys.variables(compact)
    for key in sorted(set(small) - set(large)):
        yield f"{key} is in model.keras only"
    for key in sorted(set(keep) - set(small)):
        yield f"keep names {key}, which model.keras does not hold"
    for key in sorted(set(small) & set(large)):
        whole, part = keys.array(large[key]), keys.array(small[key])
        wrong = list(_indices(key, keep.get(key, {}), whole.shape))
        if wrong:
            yield from wrong
        elif whole[_corner(keep.get(key, {}), whole.shape)].shape != part.shape:
            yield f"{key} is {part.shape}, which keep does not say"
        elif whole.dtype != part.dtype:
            yield f"{key} is {part.dtype}, not {whole.dtype}"
        elif key not in excepted and not _same(
            whole[_corner(keep.get(key, {}), whole.shape)], part
        ):
            yield f"{key} is not the part of masked.keras that keep names"


def _indices(key: str, axes: Mapping[str, list[int]], shape: tuple[int, ...]) -> Iterator[str]:
    for axis, kept in axes.items():
        if not 0 <= int(axis) < len(shape):
            yield f"{key} has no axis {axis}"
        elif sorted(set(kept)) != list(kept) or not kept:
            yield f"{key}: indices of axis {axis} do not ascend"
        elif kept[0] < 0 or kept[-1] >= shape[int(axis)]:
            yield f"{key}: an index of axis {axis} lies outside"


def removed_are_zero(full: keras.Model, keep: Keep) -> Iterator[str]:
    """Units removed by choice are exactly 0 in producers and readers; statistics stay."""
    for key, variable in keys.variables(full).items():
        if key not in keep or variable.name in STATISTICS:
            continue
        value = keys.array(variable)
        rest = np.ones(value.shape, bool)
        rest[_corner(keep[key], value.shape)] = False
        if value[rest].any():
            yield f"{key} is not 0 where units were removed"


def masked_are_zero(full: keras.Model, masks: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Every weight whose mask is 0 is exactly 0."""
    large = keys.variables(full)
    for key, mask in masks.items():
        if key not in large:
            yield f"the ticket masks {key}, which masked.keras does not hold"
        elif tuple(large[key].shape) != mask.shape:
            yield f"the mask of {key} is {mask.shape}, not the upload's {tuple(large[key].shape)}"
        elif keys.array(large[key])[~mask].any():
            yield f"{key} is not 0 where its mask is"


def one_choice(model: keras.Model, keep: Keep) -> Iterator[str]:
    """Rule 2, where a layer's own tensors must agree: kernel and bias, BatchNorm's four, gates."""
    for path, layer in keys.places(model):
        of = {name: keep.get(f"{path}/{name}", {}) for name, _ in keys.own(layer)}
        if isinstance(layer, keras.layers.BatchNormalization):
            if len({str(axes) for axes in of.values()}) > 1:
                yield f"{path}: the tensors of BatchNorm keep different channels"
        elif isinstance(layer, keras.layers.Dense | keras.layers.Conv1D | keras.layers.Conv2D):
            last = str(len(layer.kernel.shape) - 1)
            if "bias" in of and of["bias"].get("0") != of["kernel"].get(last):
                yield f"{path}: kernel and bias keep different units"
        elif isinstance(layer, keras.layers.LSTM | keras.layers.GRU | keras.layers.SimpleRNN):
            yield from _gates(path, layer, of)


def _gates(path: str, layer: Any, of: Mapping[str, Mapping[str, list[int]]]) -> Iterator[str]:
    recurrent = next((axes for name, axes in of.items() if name.endswith("recurrent_kernel")), {})
    state = recurrent.get("0")
    if state is None:
        return
    gates = layer.cell.recurrent_kernel.shape[1] // layer.units
    expected = [gate * layer.units + unit for gate in range(gates) for unit in state]
    for name, axes in of.items():
        last = axes.get("1") if name.endswith("kernel") or "1" in axes else axes.get("0")
        if last != expected:
            yield f"{path}: {name} keeps other units than the state"


def slots(full: keras.Model, compact: keras.Model, keep: Keep) -> Iterator[str]:
    """Optimizer slots follow their variable, and are initial where it is masked."""
    if not compact.compiled or compact.optimizer is None or full.optimizer is None:
        return
    large, small = full.optimizer.variables, compact.optimizer.variables
    if len(large) != len(small):
        yield f"{len(small)} optimizer variables against {len(large)}"
        return
    fresh = type(full.optimizer).from_config(full.optimizer.get_config())
    fresh.build(full.trainable_variables)
    places = {v.path.replace("/", "_"): k for k, v in keys.variables(full).items()}
    unique = len(places) == len(keys.variables(full))
    for whole, part, initial in zip(large, small, fresh.variables, strict=True):
        owner = max((p for p in places if whole.name.startswith(f"{p}_")), key=len, default=None)
        axes = keep.get(places[owner], {}) if owner else {}
        if not unique or (not axes and whole.shape != part.shape):
            continue
        a, b = keys.array(whole), keys.array(part)
        if axes and len(a.shape) <= max(map(int, axes)):
            continue  # factored
        corner = _corner(axes, a.shape)
        if a[corner].shape != b.shape:
            continue
        if not _same(a[corner], b):
            yield f"optimizer slot {whole.name} does not follow its variable"
        rest = np.ones(a.shape, bool)
        rest[corner] = False
        if not _same(a[rest], keys.array(initial)[rest]):
            yield f"optimizer slot {whole.name} is not initial where its variable is masked"


def _corner(axes: Mapping[str, list[int]], shape: tuple[int, ...]) -> Any:
    return np.ix_(*(axes.get(str(axis), list(range(size))) for axis, size in enumerate(shape)))


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return (
        a.shape == b.shape
        and np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()
    )
