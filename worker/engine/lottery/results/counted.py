"""What each layer had and has: units, as a person counts them, or weights."""

from __future__ import annotations

import math

import numpy as np

from prunery.specs.report import LayerRemoval
from worker.engine.graph import Graph
from worker.engine.graph.ids import FIXED
from worker.engine.lottery.bench import Bench
from worker.engine.lottery.trials import Trial
from worker.engine.masks import prunable_keys, variable_keys


def layers(bench: Bench, trial: Trial) -> tuple[LayerRemoval, ...]:
    """Every layer with a kernel, in model order; kernels of a layer that tell the same, once."""
    frozen = {info.layer: info.reason for info in bench.graph.frozen}
    small = variable_keys(trial.compacted.model)
    own = _own_axes(bench.graph)
    found = []
    for key in prunable_keys(bench.model):
        layer = key.rsplit("/", 1)[0]
        full = bench.shapes[key]
        if bench.recipe.granularity != "unit" and key in trial.mask:
            mask, counted = trial.mask[key], "weights"
            before, after = int(mask.size), int(np.count_nonzero(mask))
        else:
            counted, axes = "units", own.get(key, {len(full) - 1: full[-1]})
            shape = small[key].shape if key in small else (0,) * len(full)
            before = math.prod(axes.values())
            after = math.prod(units * shape[axis] // full[axis] for axis, units in axes.items())
        found.append(
            LayerRemoval(
                layer=layer,
                before=before,
                after=after,
                counted=counted,
                reason_kept=frozen.get(layer) if before == after else None,
            )
        )
    return tuple(dict.fromkeys(found))


def _own_axes(graph: Graph) -> dict[str, dict[int, int]]:
    """By kernel, the axes along which a layer's units lie, and how many there are.

    Not the last alone: a transposed convolution's is the one before, a depthwise one's too; the
    gates of a recurrent layer repeat its units.
    """
    found: dict[str, dict[int, int]] = {}
    for one in graph.registered:
        if one.role in ("out", "channel"):
            ids = one.ids[one.ids != FIXED]
            units = len(np.unique(ids)) + int(len(one.ids) - len(ids))
            found.setdefault(graph.keys[id(one.variable)], {})[one.axis] = units
    return found
