"""What can be removed from a model and why not the rest, before any training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import keras

from prunery.specs.models import GroupInfo, Prunability
from worker.engine.graph.analysis import Graph
from worker.engine.graph.groups import Group, Slice
from worker.engine.graph.walk import graph_of
from worker.engine.masks import prunable_keys, variable_keys
from worker.engine.profiling import flops_by_layer


def prunability(model: keras.Model, graph: Graph) -> Prunability:
    """Groups with the parameters and operations behind them, and the frozen layers."""
    shapes = {key: tuple(variable.shape) for key, variable in variable_keys(model).items()}
    by_layer = None if graph_of(model) is None else flops_by_layer(model)
    kernels = _kernels(model, by_layer or {})
    infos = tuple(
        GroupInfo(
            name=group.name,
            layers=group.layers,
            own=group.own,
            units=group.units,
            parameters=_touched(group.slices, shapes),
            flops=_operations(group, shapes, by_layer or {}, kernels),
        )
        for group in graph.groups.values()
    )
    slices = [one for group in graph.groups.values() for one in group.slices]
    return Prunability(
        groups=infos,
        frozen=graph.frozen,
        prunable_parameters=_touched(slices, shapes),
        parameters=sum(math.prod(shape) for shape in shapes.values()),
        flops=None if by_layer is None else sum(by_layer.values()),
    )


def _shares(slices: Iterable[Slice], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, float]:
    """The share of each variable that lies in any of the slices."""
    free: dict[str, dict[int, int]] = {}
    for one in slices:
        axes = free.setdefault(one.key, {})
        axes[one.axis] = axes.get(one.axis, 0) + len(one.positions)
    return {
        key: 1 - math.prod(1 - count / shapes[key][axis] for axis, count in axes.items())
        for key, axes in free.items()
    }


def _touched(slices: Iterable[Slice], shapes: Mapping[str, tuple[int, ...]]) -> int:
    shares = _shares(slices, shapes)
    return sum(round(share * math.prod(shapes[key])) for key, share in shares.items())


def _operations(
    group: Group,
    shapes: Mapping[str, tuple[int, ...]],
    by_layer: Mapping[str, int],
    kernels: Mapping[str, tuple[str, ...]],
) -> int:
    """Each layer's operations by the share of its kernels' weights that the group holds."""
    shares = _shares(group.slices, shapes)
    total = 0.0
    for layer, keys in kernels.items():
        weights = sum(math.prod(shapes[key]) for key in keys)
        held = sum(shares.get(key, 0.0) * math.prod(shapes[key]) for key in keys)
        total += by_layer[layer] * held / weights
    return round(total)


def _kernels(model: keras.Model, by_layer: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """The kernels behind each layer that has operations."""
    found: dict[str, list[str]] = {}
    for key in prunable_keys(model):
        path = key
        while "/" in path:
            path = path.rsplit("/", 1)[0]
            if path in by_layer:
                found.setdefault(path, []).append(key)
                break
    return {path: tuple(keys) for path, keys in found.items()}
