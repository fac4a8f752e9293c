"""Recipes that look odd, and are what a person may well mean: they are taken."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

Recipe = dict[str, Any]
REDUCE: Recipe = {"objective": {"parameters_ratio": 0.5}}
N_OF_M: Recipe = {"granularity": "n:m", "controls": [], **REDUCE}

GOOD: list[Recipe] = [
    {},
    {"preset": None},
    {"objective": {}},
    {"objective": {"max_metric_drop": 0}},
    {"objective": {"max_metric_drop": 1, "flops_ratio": 0.999}},
    {"preset": "smallest", "training": {"epochs": 0}},
    {"preset": "article", "training": {"epochs": 0}},
    {"preset": "paper", "training": {"epochs": 0, "retrain_epochs": 0}},
    {"preset": "smallest", "training": {"retrain_epochs": 0}},
    {"preset": "paper", "controls": []},
    {"preset": "paper", "schedule": {"kind": "cubic"}},
    {"training": {"epochs": 1, "retrain_epochs": 1, "batch_size": 1_000_000}},
    {"training": {"epochs": "auto", "batch_size": "auto", "learning_rate": None}},
    {"training": {"optimizer": "Adam", "loss": "SparseCategoricalCrossentropy", "metric": "acc"}},
    {"training": {"loss": "categorical_crossentropy"}},
    {"training": {"loss": "categorical_crossentropy"}, "data": {"labels": "one_hot"}},
    {"training": {"class_weight": {"0": 2, "2": 0.5}}},
    {"training": {"class_weight": {"y": {"0": 2}}}},
    {"training": {"class_weight": {}}},
    {"training": {"distillation": 1}, "start": "trained"},
    {"training": {"early_stopping": False, "schedule": "linear", "precision": "mixed_float16"}},
    {"data": {"labels": "integers", "scale": "-1..1"}},
    {"layer_fractions": {"out": 0, "hidden": 0.99}},
    {"protect": ["out", "noise"]},
    {"protect": ["hidden", "hidden"], "granularity": "weight", "controls": []},
    {"minimum_kept": 0, "round_to": 4},
    {"minimum_kept": 0.99, "objective": {"parameters_ratio": 0.01}},
    {"granularity": "block", "block_shape": [1, 64], "controls": ["random_mask"]},
    {**N_OF_M, "n_m": [1, 16]},
    {**N_OF_M, "n_m": [2, 4], "protect": ["out"]},
    {"granularity": "weight", "controls": [], "schedule": {"output_layer_fraction": 0}},
    {"criterion": {"name": "threshold", "threshold": 1e-12}},
    {"criterion": {"name": "apoz", "norm": "l1", "over": "in"}},
    {"scope": "sensitivity", "schedule": {"rounds": 60, "pruning_fraction": 0.999}},
    {"rewind": {"to": "step"}},
    {"rewind": {"to": "epoch", "at": 199}},
    {"rewind": {"to": "step", "at": 8}, "training": {"epochs": 3, "batch_size": 20}},
    {"rewind": {"to": "none"}, "start": "reinitialize"},
    {**REDUCE, "schedule": {"early_bird": True}},
    {"seed": 2**31 - 1, "replicates": 20, "deadline_seconds": 1},
    {"controls": ["fresh_small", "fresh_same_scale", "random_units"], "controls_on": "every"},
]


@pytest.mark.parametrize("recipe", GOOD, ids=str)
def test_it_is_taken(recipe: Recipe, asked: tuple[TestClient, dict[str, str]]) -> None:
    api, pair = asked
    found = api.post("/v1/checks", json={**pair, "recipe": recipe}).json()
    assert found["fits"], found["problem"]
