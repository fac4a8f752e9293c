"""The whole of it: `analyse` a model, then ask the graph what a choice of units leaves."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import keras
import numpy as np

from prunery.specs.errors import PruneryError
from prunery.specs.models import FrozenInfo
from worker.engine.graph.groups import Group, group
from worker.engine.graph.ids import Reason
from worker.engine.graph.outputs import output_layers
from worker.engine.graph.record import Record, Registered
from worker.engine.graph.tracer import Tracer
from worker.engine.graph.walk import apply, graph_of, inputs_of, walk
from worker.engine.masks import key_of, layer_paths

Kept = Mapping[str, np.ndarray]
_OUTPUTS = "Its units are outputs of the model."


@dataclass(frozen=True)
class Cut:
    """A choice of what stays, as a question to any vector of ids."""

    record: Record
    alive: np.ndarray

    def keep(self, ids: np.ndarray) -> np.ndarray:
        """Positions of `ids` that stay, ascending."""
        return np.flatnonzero(self.alive[self.record.ids.find(ids)])


@dataclass(frozen=True)
class Graph:
    """What can be removed from a model, and why not the rest.

    registered: ids along every axis of a variable that follows some channel.
    """

    groups: dict[str, Group]
    frozen: tuple[FrozenInfo, ...]
    record: Record
    registered: tuple[Registered, ...]
    keys: Mapping[int, str]
    notes: tuple[str, ...] = ()

    def cut(self, kept: Kept) -> Cut:
        """What stays when each named group keeps only the given units (ascending numbers)."""
        alive = np.ones(len(self.record.ids), dtype=bool)
        for name, units in kept.items():
            if name not in self.groups:
                raise PruneryError("recipe_invalid", f"the model has no group {name!r}")
            one = self.groups[name]
            chosen = np.unique(np.asarray(units, dtype=np.int64))
            if len(chosen) < one.minimum or chosen[0] < 0 or chosen[-1] >= one.units:
                detail = f"group {name!r} has {one.units} units and must keep {one.minimum}"
                raise PruneryError("recipe_invalid", detail)
            gone = np.ones(one.units, dtype=bool)
            gone[chosen] = False
            alive[one.roots[gone]] = False
        return Cut(self.record, alive)

    def keep(self, kept: Kept) -> dict[str, dict[int, np.ndarray]]:
        """Kept indices of every axis of every variable that shrinks, by variable key."""
        cut = self.cut(kept)
        result: dict[str, dict[int, np.ndarray]] = {}
        for one in self.registered:
            stays = cut.keep(one.ids)
            if len(stays) < len(one.ids):
                result.setdefault(self.keys[id(one.variable)], {})[one.axis] = stays
        return {key: dict(sorted(axes.items())) for key, axes in result.items()}


def analyse(model: keras.Model, *, approximate: bool = False) -> Graph:
    """Find every group of units that can be removed from a built model.

    approximate: also offer channels whose removal changes the outputs a little (a mean over
    channels, as in LayerNormalization).
    """
    keys = key_of(model)
    functional = graph_of(model)
    if functional is None:
        text = "The model has a call method of its own, which cannot be read."
        way_out = "Build it from layers with keras.Sequential or keras.Model(inputs, outputs)."
        info = FrozenInfo(layer=model.name, reason=text, way_out=way_out)
        return Graph({}, (info,), Record(), (), keys)
    paths = {id(layer): path for path, layer in layer_paths(model).items()}
    tracer = Tracer(paths, apply, approximate=approximate)
    for flow, tensor in zip(
        walk(tracer, functional, inputs_of(functional)), functional.outputs, strict=True
    ):
        layer = tensor._keras_history.operation
        tracer.freeze(flow, tracer.why(layer, _OUTPUTS))
    owners = _owners(model, keys)
    groups, registered = group(tracer.record, keys, owners)
    return Graph(
        groups=groups,
        frozen=_frozen(tracer.record, registered, keys, owners, output_layers(model, unmixed=True)),
        record=tracer.record,
        registered=tuple(registered),
        keys=keys,
    )


def _owners(model: keras.Model, keys: Mapping[int, str]) -> dict[str, str]:
    """Layer path by variable key."""
    paths = sorted(layer_paths(model), key=len, reverse=True)
    known = set(paths)
    result = {}
    for key in keys.values():
        path = key.rsplit("/", 1)[0]
        while path not in known and "/" in path:
            path = path.rsplit("/", 1)[0]
        result[key] = path
    return result


def _frozen(
    record: Record,
    registered: list[Registered],
    keys: Mapping[int, str],
    owners: Mapping[str, str],
    last: Collection[str],
) -> tuple[FrozenInfo, ...]:
    """Each producing layer none of whose units can go, with the reason of its first unit.

    Of the `last` layers it is that they are the outputs, whatever was met on the way there.
    """
    found: dict[str, FrozenInfo] = {
        path: FrozenInfo(layer=path, reason=reason.text, way_out=reason.way_out)
        for path, reason in record.unread.items()
    }
    free: set[str] = set()
    for one in registered:
        if one.role != "out":
            continue
        layer = owners[keys[id(one.variable)]]
        frozen = record.ids.is_frozen(one.ids)
        if not frozen.all():
            free.add(layer)
            continue
        reason = record.ids.reason(int(one.ids[0])) or Reason(layer, "It cannot be removed.")
        if layer in last:
            reason = Reason(layer, _OUTPUTS)
        found.setdefault(layer, FrozenInfo(layer=layer, reason=reason.text, way_out=reason.way_out))
    return tuple(info for layer, info in found.items() if layer not in free)
