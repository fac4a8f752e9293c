"""What a level starts with: weights, their scale, the optimizer's moments and its rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.engine import jobs
from tests.engine.benches import bench, net
from worker.engine.lottery import rewinding, trials
from worker.engine.lottery.dense import Dense
from worker.engine.lottery.rescale import rescale_init
from worker.engine.masks import variable_keys
from worker.engine.training import State


@pytest.mark.parametrize(
    ("kind", "start", "rewinds"),
    [
        ("plain", "untrained", ["initial", "none"]),
        ("normalised", "untrained", ["learning_rate"]),
        ("residual", "untrained", ["learning_rate"]),
        ("plain", "trained", ["none"]),
        ("normalised", "trained", ["none"]),
    ],
)
def test_nets_with_normalisation_or_residuals_are_not_reset_to_their_initial_weights(
    tmp_path: Path, kind: str, start: str, rewinds: list[str]
) -> None:
    job = bench(tmp_path, net(kind), {"objective": {}, "start": start})
    found = [arm.rewind for arm in rewinding.arms(job) if arm.schedule == "constant_ema"]
    assert found == rewinds


def test_rewound_kernels_take_the_small_nets_scale() -> None:
    """A kept unit carries the wide net's smaller Glorot scale."""
    small = net("plain", hidden=12)
    before = {key: np.asarray(v) for key, v in variable_keys(small).items()}
    full = {key: tuple(v.shape) for key, v in variable_keys(net("plain", hidden=48)).items()}
    factors = rescale_init(small, full)
    assert factors["second/kernel"] == pytest.approx(np.sqrt(96 / 24))
    assert factors["first/kernel"] == pytest.approx(np.sqrt((6 + 48) / (6 + 12)))
    assert not any(key.endswith("bias") for key in factors)
    after = np.asarray(variable_keys(small)["second/kernel"])
    np.testing.assert_allclose(after, before["second/kernel"] * 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("rates", "held"),
    [([0.1, 0.1, 0.001], [0.001]), ([0.1, 0.05, 0.0], None), ([0.2, 0.2], [0.2])],
)
def test_fine_tuning_goes_on_at_the_last_rate_and_rewinding_replays_all(
    tmp_path: Path, rates: list[float], held: list[float] | None
) -> None:
    """A schedule that starts again would be learning-rate rewinding by another name."""
    np.save(tmp_path / "rates.npy", np.array(rates, np.float32))
    dense = Dense(record=None, folder=tmp_path)  # type: ignore[arg-type]
    job: Any = None

    def trace(rewind: Any) -> Any:
        return trials.beginning(job, rewinding.Arm(rewind, "from model"), dense, {}).rate_trace

    assert trace("learning_rate").tolist() == np.array(rates, np.float32).tolist()
    found = trace("none")
    assert (None if found is None else found.tolist()) == (
        None if held is None else np.array(held, np.float32).tolist()
    )
    assert trace("fresh") is None


def test_levels_start_with_the_moments_of_their_rewind_point_and_not_with_stale_ones(
    tmp_path: Path,
) -> None:
    """Rewound to the initial weights, the retraining's first step is the dense training's own."""
    recipe = {
        "objective": {},
        "granularity": "weight",
        "scope": "layer",
        "minimum_kept": 0.0,
        "rewind": {"to": "initial"},
        "schedule": {"rounds": 2, "pruning_fraction": 0.02},
        "training": {
            "schedule": "from model",
            "early_stopping": False,
            "epochs": 1,
            "batch_size": 240,
        },
    }
    model = net("plain")
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), model.loss)
    jobs.prune(tmp_path, recipe, model=model)
    moved = [
        State.load(tmp_path / "levels" / str(level) / "trained.npz").weights["second/bias"]
        for level in (0, 1, 2)
    ]
    for level in (1, 2):
        ratio = np.abs(moved[level]).max() / np.abs(moved[0]).max()
        assert ratio == pytest.approx(1, abs=0.2), "one step more of momentum makes it 1.9"
