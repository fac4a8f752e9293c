from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from prunery.specs.job import EngineSpec
from prunery.specs.presets import resolve
from tests.engine import jobs
from worker.engine.lottery.bench import Bench, assign, weights_of
from worker.engine.lottery.early_bird import EPOCHS, EarlyBird
from worker.engine.lottery.settling.setup import set_up
from worker.engine.reporter import Reporter


def _bench(folder: Path, recipe: dict[str, Any]) -> Bench:
    jobs.net().save(folder / "upload.keras")
    alone = {"objective": {}, "criterion": {"over": "in"}, "schedule": {"early_bird": True}}
    spec = EngineSpec(
        kind="prune",
        model=folder / "upload.keras",
        dataset=jobs.data(folder / "data.npz"),
        recipe=resolve(jobs.merged(jobs.QUICK, alone, recipe)),
        work_dir=folder,
    )
    return set_up(spec, Reporter([].append))


def _settles(bench: Bench, memory: Path, restless: tuple[str, ...]) -> bool:
    """Whether the mask has settled although some layers are drawn anew every epoch."""
    draw = np.random.default_rng(0)
    bird = EarlyBird(bench, weights_of(bench.model), memory)
    settled = []
    for epoch in range(1, EPOCHS + 2):
        weights = weights_of(bench.model)
        for key in weights:
            if key.startswith(restless):
                weights[key] = draw.normal(size=weights[key].shape).astype("float32")
        assign(bench.model, weights)
        settled.append(bird.settled(epoch, bench.model))
        left = weights_of(bench.model)
        assert all(np.array_equal(left[key], weights[key]) for key in weights)
    assert not any(settled[:-1])
    return settled[-1]


UNITS: dict[str, Any] = {"protect": ["first"]}
WEIGHTS: dict[str, Any] = {"granularity": "weight", "protect": ["first"]}
KEPT_OUTPUT = jobs.merged(WEIGHTS, {"schedule": {"output_layer_fraction": 0.0}})


@pytest.mark.parametrize(
    ("recipe", "restless", "settles"),
    [
        (UNITS, ("first",), True),
        (UNITS, ("second",), False),
        (WEIGHTS, ("first",), True),
        (WEIGHTS, ("second",), False),
        (KEPT_OUTPUT, ("first", "output"), True),
        ({"granularity": "weight", "scope": "sensitivity"}, (), True),
    ],
)
def test_only_layers_that_a_round_would_cut_keep_a_mask_from_settling(
    tmp_path: Path, recipe: dict[str, Any], restless: tuple[str, ...], settles: bool
) -> None:
    bench = _bench(tmp_path, recipe)
    assert _settles(bench, tmp_path / "memory.npz", restless) == settles


def test_a_net_that_has_nothing_to_remove_has_settled_at_once(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,), name="x")
    net = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(inputs))
    net.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    recipe = {
        "objective": {},
        "schedule": {"early_bird": True},
        "training": {"epochs": 9, "early_stopping": False},
    }
    done = jobs.prune(tmp_path, recipe, model=net)
    assert done.report.verdict.outcome == "nothing_to_remove"
    assert done.report.levels[0].epochs_trained == EPOCHS + 1


def test_levels_are_trained_although_an_early_bird_came_before_the_rewind_point(
    tmp_path: Path,
) -> None:
    recipe = {
        "objective": {},
        "schedule": {"early_bird": True, "rounds": 1},
        "rewind": {"to": "epoch", "at": 30},
        "training": {"epochs": 40, "early_stopping": False},
    }
    done = jobs.prune(tmp_path, recipe)
    dense, level = done.report.levels
    assert dense.epochs_trained is not None
    assert dense.epochs_trained < 30
    assert level.epochs_trained == 40
