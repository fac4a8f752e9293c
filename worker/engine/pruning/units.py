"""Scores of whole units: one array of length `group.units` for every group.

A unit is a slice of several variables (see `worker.engine.graph`): its producers have role "out"
(and "bias"), its readers role "in". Higher is more important.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from prunery.specs.recipe import Criterion
from worker.engine.arrays import Arrays, OnDemand
from worker.engine.pruning import criteria
from worker.engine.pruning.activity import share_of_activity
from worker.engine.pruning.context import Context

Scores = dict[str, np.ndarray]


def unit_scores(groups: Mapping[str, Any], criterion: Criterion, context: Context) -> Scores:
    """Score every unit of every group by the recipe's criterion."""
    name = criterion.name
    if name == "apoz":
        return share_of_activity(groups, context)
    if name == "random":
        generator = np.random.default_rng(context.seed)
        return {key: generator.random(groups[key].units) for key in sorted(groups)}
    if name == "taylor":
        return _taylor(groups, context)
    scorers: dict[str, Callable[[Any, Arrays], np.ndarray]] = {
        "bn_scale": lambda group, values: _sum(group, values, _is_gamma),
        "fpgm": _distance_to_others,
    }
    if name in scorers:
        magnitudes = {key: np.abs(value) for key, value in context.values.items()}
        values = context.values if name == "fpgm" else magnitudes
        return {key: scorers[name](group, values) for key, group in groups.items()}
    if name in ("bias_displacement", "threshold"):
        moved = _displacement(context)
        return {key: _sum(group, moved, _is_bias) for key, group in groups.items()}
    if name in ("magnitude", "movement"):
        values = context.values if name == "magnitude" else _displacement(context)
        return {key: _norm(group, values, criterion) for key, group in groups.items()}
    return _from_weights(groups, criteria.of(name)(context))


def per_unit(slice_: Any, array: np.ndarray, units: int) -> np.ndarray:
    """Sum an array over all of its axes but the slice's, then over each unit's positions."""
    axes = tuple(a for a in range(array.ndim) if a != slice_.axis % array.ndim)
    along = array.sum(axis=axes, dtype=np.float64)
    return np.array(
        [along[np.asarray(slice_.index[unit], dtype=np.int64)].sum() for unit in range(units)]
    )


def _norm(group: Any, values: Arrays, criterion: Criterion) -> np.ndarray:
    """The norm of what feeds a unit, times that of what reads it when `over` is "in_out"."""
    power = 1 if criterion.norm == "l1" else 2

    def make(key: str) -> np.ndarray:
        value = values[key].astype(np.float64)
        return np.power(np.abs(value, out=value), power, out=value)

    powered = OnDemand((one.key for one in group.slices), make)
    feeding = _sum(group, powered, _is_producer) ** (1 / power)
    if criterion.over == "in":
        return feeding
    reading = _sum(group, powered, _is_reader) ** (1 / power)
    if not feeding.any():
        return reading
    return feeding * reading if reading.any() else feeding


def _sum(group: Any, values: Arrays, wanted: Callable[[Any], bool]) -> np.ndarray:
    total = np.zeros(group.units)
    for slice_ in group.slices:
        if wanted(slice_) and slice_.key in values:
            total += per_unit(slice_, values[slice_.key], group.units)
    return total


def _is_producer(slice_: Any) -> bool:
    return bool(slice_.role == "out")


def _is_reader(slice_: Any) -> bool:
    return bool(slice_.role == "in")


def _is_bias(slice_: Any) -> bool:
    return bool(slice_.role == "bias")


def _is_gamma(slice_: Any) -> bool:
    return str(slice_.key).rsplit("/", 1)[-1] == "gamma"


def _displacement(context: Context) -> Arrays:
    """|w_final - w_initial|; a trained upload's biases are taken to have begun at zero."""
    start = context.initial or {}
    return {key: np.abs(value - start.get(key, 0)) for key, value in context.values.items()}


def _taylor(groups: Mapping[str, Any], context: Context) -> Scores:
    """(sum of g * w over what feeds a unit)^2 (Molchanov et al., arXiv:1906.10771)."""
    from worker.engine.pruning.gradients import signed_taylor

    products = signed_taylor(context)
    return {key: _sum(group, products, _is_producer) ** 2 for key, group in groups.items()}


def _from_weights(groups: Mapping[str, Any], scores: Arrays) -> Scores:
    """A weight criterion summed over what feeds a unit."""
    return {key: _sum(group, scores, _is_producer) for key, group in groups.items()}


def _distance_to_others(group: Any, values: Arrays) -> np.ndarray:
    """Sum of distances to all other units of the layer: the median filter goes first (FPGM).

    He et al., arXiv:1811.00250: a filter near the geometric median is replaceable by the others.
    """
    total = np.zeros(group.units)
    for slice_ in group.slices:
        if not _is_producer(slice_) or slice_.key not in values:
            continue
        array = np.moveaxis(values[slice_.key], slice_.axis, 0).astype(np.float64)
        index = [np.asarray(slice_.index[unit], dtype=np.int64) for unit in range(group.units)]
        rows = np.stack([array[positions].reshape(-1) for positions in index])
        squares = (rows**2).sum(axis=1)
        distances = squares[:, None] + squares[None] - 2 * rows @ rows.T
        total += np.sqrt(np.maximum(distances, 0)).sum(axis=1)
    return total
