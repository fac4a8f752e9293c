"""What a ticket is held against: as much of it, drawn or made afresh."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine import jobs
from tests.engine.benches import bench, net
from worker.engine.lottery.controls import _narrow, _random_units
from worker.engine.lottery.fresh import reinitialize
from worker.engine.lottery.trainer import Trainer


def test_fresh_weights_of_a_small_net_are_of_its_own_scale() -> None:
    """Not slices of the wide net's draw: that is the other control."""
    small = net("plain", hidden=12)
    reinitialize(small, seed=5)
    limit = np.sqrt(6 / (12 + 12))
    drawn = np.abs(np.asarray(small.get_layer("second").kernel))
    assert 0.9 * limit < drawn.max() <= limit
    assert (np.asarray(small.get_layer("second").bias) == 0).all()


def test_random_units_are_as_many_of_each_group_and_others(tmp_path: Path) -> None:
    job = bench(tmp_path, net("plain", hidden=40), {"objective": {}})
    kept = {name: np.arange(9) for name in job.graph.groups}
    drawn = _random_units(job, kept, seed=1)
    assert {name: len(units) for name, units in drawn.items()} == dict.fromkeys(kept, 9)
    assert all((drawn[name] != kept[name]).any() for name in kept)


def test_the_small_net_beside_a_masked_one_is_no_larger(tmp_path: Path) -> None:
    recipe = {"objective": {}, "granularity": "weight"}
    job = bench(tmp_path, net("plain", hidden=40), recipe)
    narrow = _narrow(job, 600)
    widths = {len(units) for units in narrow.values()}
    assert len(widths) == 1, "uniformly narrower"
    (n,) = widths
    assert 6 * n + n + n * n + n + 3 * n + 3 <= 600 < 6 * (n + 1) + (n + 1) ** 2 + 5 * (n + 1) + 3


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The state that each training of the job began with, by its name."""
    states: dict[str, Any] = {}
    run = Trainer.run

    def watched(self: Trainer, name: str, *given: Any, state: Any = None, **more: Any) -> Any:
        states[name] = state
        return run(self, name, *given, state=state, **more)

    monkeypatch.setattr(Trainer, "run", watched)
    return states


def test_random_units_of_a_late_level_are_no_dead_ones(
    tmp_path: Path, started: dict[str, Any]
) -> None:
    """Weights of the level before hold zeros where units went, and zeros never learn."""
    recipe = {
        "objective": {},
        "rewind": {"to": "none"},
        "schedule": {"kind": "iterative", "rounds": 2},
        "controls": ["random_units"],
    }
    jobs.prune(tmp_path, recipe)
    kernels = [v for k, v in started["control/random_units"].weights.items() if "kernel" in k]
    assert all((np.abs(kernel).sum(axis=0) > 0).all() for kernel in kernels)
    assert all((np.abs(kernel).sum(axis=1) > 0).all() for kernel in kernels)


def test_a_fresh_small_net_knows_nothing_of_a_late_rewind_point(
    tmp_path: Path, started: dict[str, Any]
) -> None:
    """Neither the step nor the moments that the ticket beside it goes back to."""
    recipe = {
        "objective": {},
        "rewind": {"to": "step", "at": 9},
        "schedule": {"rounds": 1},
        "controls": ["fresh_small", "random_units"],
        "training": {"schedule": "from model", "early_stopping": False, "epochs": 1},
    }
    jobs.prune(tmp_path, recipe)
    assert started["control/random_units"].step == 9
    assert started["control/random_units"].optimizer
    assert started["control/fresh_small"].step == 0
    assert started["control/fresh_small"].optimizer is None
