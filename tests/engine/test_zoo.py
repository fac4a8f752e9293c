"""Every topology of the zoo: half of every group goes, and nothing changes."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from prunery.screening.config import check_model
from tests.acceptance.outsider import configs, tensors
from tests.engine.zoo import ZOO, Topology, randomise
from worker.engine import profiling
from worker.engine.calling import input_names
from worker.engine.compaction import certificate, masked, rebuild
from worker.engine.graph import Graph, analyse

LIMIT = 1e-9


def half(graph: Graph, seed: int = 0) -> dict[str, np.ndarray]:
    """About a half of the units of every group at random, at least as many as must stay."""
    rng = np.random.default_rng(seed)
    kept = {}
    for number, (name, group) in enumerate(graph.groups.items()):
        # Not the same number everywhere: two groups that must agree would not be found out.
        count = max(group.units // 2 - number % 2, group.minimum)
        kept[name] = np.sort(rng.permutation(group.units)[:count])
    return kept


def examples(model: keras.Model, words: int) -> dict[str, np.ndarray]:
    """A few inputs by name; whole numbers from 0 below `words`."""
    rng = np.random.default_rng(1)
    found = []
    for tensor in model.inputs:
        shape = (8, *(size or 9 for size in tensor.shape[1:]))
        drawn = rng.normal(size=shape) if "float" in tensor.dtype else rng.integers(0, words, shape)
        found.append(drawn.astype(tensor.dtype))
    return dict(zip(input_names(model), found, strict=True))


def prove(
    model: keras.Model, kept: dict[str, np.ndarray], graph: Graph, words: int, folder: Path
) -> tuple[keras.Model, bool]:
    """Cut, and check as an outsider would; returns the compact model, and if its outputs vary."""
    found = rebuild.compact(model, graph, kept)
    full = masked.scatter(model, found.model, found.keep, rescaled=found.rescaled)
    compact = uploaded(found.model, folder / "model.keras")
    keep = {
        key: {str(axis): np.asarray(at).tolist() for axis, at in axes.items()}
        for key, axes in found.keep.items()
    }
    assert full.get_config() == model.get_config()
    assert configs.interface(compact) == configs.interface(model)
    ours = configs.without_epsilon_of_mean_square(compact.get_config())
    upload = configs.without_epsilon_of_mean_square(model.get_config())
    assert list(configs.more_than_sizes(upload, ours)) == []
    assert list(tensors.sub_tensors(full, compact, keep, set(found.rescaled))) == []
    assert list(tensors.removed_are_zero(full, keep)) == []
    assert list(tensors.one_choice(full, keep)) == []
    document = certificate.certify(
        full, compact, examples(model, words), keep=found.keep, rescaled=found.rescaled
    )
    assert document["local"]["max_rel_diff_native"] < (0.01 if is_half(model) else 1e-4)
    if not found.rescaled:
        assert document["max_abs_diff_float64"] <= LIMIT, document
    varies = document["output_variation"] > 1e-3
    assert document["verdict"] == "exact" or not varies, document["reason"]
    return compact, varies


def is_half(model: keras.Model) -> bool:
    return any("16" in str(layer.dtype_policy.name) for layer in model.layers)


def uploaded(model: keras.Model, path: Path) -> keras.Model:
    """The model as it comes out of a file."""
    model.save(path)
    return keras.saving.load_model(path)


@pytest.mark.parametrize("one", ZOO.values(), ids=ZOO)
def test_half_of_every_group_goes_and_nothing_changes(one: Topology, tmp_path: Path):
    for seed in range(8):
        model = uploaded(randomise(one.build(), seed), tmp_path / "net.keras")
        check_model(json.loads(model.to_json()))  # It may be uploaded, too.
        graph = analyse(model)
        compact, varies = prove(model, half(graph, seed), graph, one.words, tmp_path)
        if varies:  # a handful of ReLUs may all be silent
            break
    else:
        raise AssertionError("the outputs never vary")
    before, after = profiling.parameters(model), profiling.parameters(compact)
    if one.shrinks:
        assert graph.groups
        assert after < before
    else:
        assert after <= before


def test_the_zoo_is_large():
    assert len(ZOO) >= 90
