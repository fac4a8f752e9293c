"""What must hold of any network, on networks that Hypothesis draws."""

from __future__ import annotations

from typing import Literal

import keras
import numpy as np
from hypothesis import strategies as st

from prunery.specs.errors import PruneryError
from tests.engine.strategies import graph
from tests.engine.zoo import randomise
from worker.engine import masks, profiling
from worker.engine.compaction import certificate, dead, masked, rebuild
from worker.engine.compaction.rebuild import Compacted
from worker.engine.graph import Group, analyse

Outcome = Literal["smaller", "nothing to remove", "refused", "not proven"]
LIMIT = 1e-9


def cut_units(draw: st.DrawFn, seed: int, share: float) -> Outcome:
    """Keep a share of every group: masked and compact agree, or the cut is refused."""
    model = randomise(graph(draw), seed)
    found = analyse(model)
    rng = np.random.default_rng(seed)
    kept = {
        name: np.sort(rng.permutation(g.units)[: _count(g, share * rng.uniform(0.6, 1.4))])
        for name, g in found.groups.items()
    }
    try:
        cut = rebuild.compact(model, found, kept)
    except PruneryError as error:
        if error.code != "not_proven":
            raise
        return "refused"
    full = masked.scatter(model, cut.model, cut.keep, rescaled=cut.rescaled)
    return agree(full, cut)


def _count(group: Group, share: float) -> int:
    """How many units stay; every group has a share of its own."""
    return min(group.units, max(group.minimum, round(share * group.units)))


def cut_weights(draw: st.DrawFn, seed: int, density: float) -> Outcome:
    """Mask weights at random, and remove what died of it."""
    model = randomise(graph(draw, most_steps=6), seed)
    rng = np.random.default_rng(seed)
    variables = masks.variable_keys(model)
    mask = {key: rng.random(variables[key].shape) < density for key in masks.prunable_keys(model)}
    masks.apply(model, mask)
    return agree(model, dead.compact_masked(model, analyse(model), mask))


def agree(full: keras.Model, cut: Compacted) -> Outcome:
    """Equal in float64, or up to the rounding of what was computed anew; never silently wrong."""
    document = certificate.certify(
        full, cut.model, {}, keep=cut.keep, rescaled=cut.rescaled, folded=cut.folded, examples=0
    )
    if document["max_abs_diff_float64"] > LIMIT and document["verdict"] != "exact":
        # A network of chaos proves nothing, and must say so.
        assert "amplifies" in document["reason"], document
        return "not proven"
    smaller = profiling.parameters(cut.model) < profiling.parameters(full)
    return "smaller" if smaller else "nothing to remove"
