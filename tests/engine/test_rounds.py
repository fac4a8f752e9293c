"""What a round takes away: exact counts where rounds add up, to a target and by their own curve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.engine import jobs
from worker.engine.compaction import ticket
from worker.engine.lottery.ladder import WAY_OUT
from worker.engine.lottery.levels import load_arrays

UNTRAINED: dict[str, Any] = {"training": {"epochs": 0}, "minimum_kept": 0.0, "scope": "layer"}


def masks(folder: Path) -> dict[str, np.ndarray]:
    return ticket.load(folder / "out" / "ticket.npz")[0]


def pruned(folder: Path, **recipe: Any) -> jobs.Done:
    """A job without data."""
    return jobs.prune(folder, jobs.merged(UNTRAINED, recipe), dataset=None)


@pytest.mark.parametrize("scope", ["layer", "global"])
@pytest.mark.parametrize("density", [0.5, 0.37])
def test_a_density_is_met_to_the_weight(tmp_path: Path, scope: str, density: float) -> None:
    """Rounding down in each layer must not leave the last round short of its target for ever."""
    done = pruned(
        tmp_path,
        granularity="weight",
        scope=scope,
        objective={"density": density},
        schedule={"rounds": 10, "pruning_fraction": 0.2},
    )
    alive = sum(int(mask.sum()) for mask in masks(tmp_path).values())
    assert done.report.verdict.target_met
    assert int(density * 252) - 2 <= alive <= int(density * 252)


def test_synflow_in_small_steps_takes_as_many_as_one_step_would(tmp_path: Path) -> None:
    pruned(
        tmp_path,
        granularity="weight",
        criterion={"name": "synflow"},
        objective={},
        schedule={"rounds": 1, "pruning_fraction": 0.3, "output_layer_fraction": 0.15},
    )
    gone = {key: int((~mask).sum()) for key, mask in masks(tmp_path).items()}
    assert gone == {"first/kernel": 21, "second/kernel": 43, "output/kernel": 5}


def test_a_layers_own_fraction_follows_the_schedule(tmp_path: Path) -> None:
    """One-shot, the second size is cut twice from the dense model: 12 * (1 - 0.75 ** 2) units."""
    pruned(
        tmp_path,
        objective={},
        layer_fractions={"first": 0.25},
        schedule={"kind": "one_shot", "rounds": 2, "pruning_fraction": 0.5},
    )
    kept = [load_arrays(tmp_path / "levels" / level / "kept.npz") for level in ("1", "2")]
    assert sorted(len(units) for units in kept[0].values()) == [6, 9]
    assert sorted(len(units) for units in kept[1].values()) == [3, 7]


def test_rounds_that_take_less_than_a_unit_do_not_end_a_ladder_of_larger_ones(
    tmp_path: Path,
) -> None:
    schedule = {"kind": "one_shot", "rounds": 6, "pruning_fraction": 0.05}
    done = pruned(tmp_path, objective={}, schedule=schedule)
    kept = [load_arrays(tmp_path / "levels" / str(k) / "kept.npz") for k in range(1, 7)]
    widths = [len(units["first"]) for units in kept]
    assert widths == [12 - int(12 * (1 - 0.95**k)) for k in range(1, 7)]
    assert not any("Nothing more" in warning for warning in done.report.warnings)


def test_a_ladder_at_its_minimum_ends_and_says_so(tmp_path: Path) -> None:
    schedule = {"kind": "one_shot", "rounds": 8, "pruning_fraction": 0.5}
    done = pruned(tmp_path, objective={}, minimum_kept=0.5, schedule=schedule)
    assert [level.level for level in done.report.levels] == [0, 1]
    assert any("at its minimum" in warning for warning in done.report.warnings)
    assert WAY_OUT not in done.report.warnings


def test_at_the_minimum_what_more_could_go_is_said(tmp_path: Path) -> None:
    """A mean over channels keeps them whole, unless outputs may change a little."""
    layers = keras.layers
    hidden = [layers.Dense(8), layers.LayerNormalization(), layers.Dense(8), layers.Dense(3)]
    model = keras.Sequential([keras.Input((6,)), *hidden])
    schedule = {"kind": "one_shot", "rounds": 8, "pruning_fraction": 0.5}
    recipe = {**UNTRAINED, "objective": {}, "minimum_kept": 0.5, "schedule": schedule}
    done = jobs.prune(tmp_path, recipe, model=model, dataset=None)
    assert WAY_OUT in done.report.warnings
