"""Recipes that make no sense: nothing is queued, the field is named, and a way out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from prunery.cli import build, exit_code
from prunery.specs.errors import PruneryError
from tests.integration.api import files
from tests.integration.api.conftest import refuse

Recipe = dict[str, Any]
REDUCE: Recipe = {"objective": {"parameters_ratio": 0.5}}
N_OF_M: Recipe = {"granularity": "n:m", "n_m": [2, 4], "controls": [], **REDUCE}

# What the recipe alone gives away: every client refuses it, also the command line without a server.
ALONE: list[tuple[Recipe, str, str]] = [
    # misspelt, of another type, out of range
    ({"preset": "tiny"}, "/preset", "balanced"),
    ({"preset": []}, "/preset", "balanced"),
    ({"objectives": {}}, "/objectives", "'objective'"),
    ({"training": {"epoch": 3}}, "/training/epoch", "'epochs'"),
    ({"criterion": {"name": "magnitud"}}, "/criterion/name", "'magnitude'"),
    ({"criterion": "magnitude"}, "/criterion", "object"),
    ({"objective": {"max_metric_drop": -0.1}}, "/objective/max_metric_drop", "from 0 on"),
    ({"objective": {"parameters_ratio": 1.5}}, "/objective/parameters_ratio", "below 1"),
    ({"objective": {"flops_ratio": 0}}, "/objective/flops_ratio", "above 0"),
    ({"objective": {"size_bytes": 0}}, "/objective/size_bytes", "above 0"),
    ({"granularity": "filter"}, "/granularity", "'unit'"),
    ({"scope": "everywhere"}, "/scope", "'global'"),
    ({"layer_fractions": {"hidden": 1.0}}, "/layer_fractions/hidden", "below 1"),
    ({"layer_fractions": ["hidden"]}, "/layer_fractions", "object"),
    ({"minimum_kept": 1.2}, "/minimum_kept", "up to 1"),
    ({"round_to": 0}, "/round_to", "from 1 on"),
    ({"protect": "hidden"}, "/protect", "list"),
    ({"schedule": {"rounds": 0}}, "/schedule/rounds", "from 1 on"),
    ({"schedule": {"rounds": 2.5}}, "/schedule/rounds", "whole"),
    ({"schedule": {"pruning_fraction": 1}}, "/schedule/pruning_fraction", "below 1"),
    ({"schedule": {"kind": "linear"}}, "/schedule/kind", "'cubic'"),
    ({"start": "pretrained"}, "/start", "'trained'"),
    ({"rewind": {"to": "start"}}, "/rewind/to", "'initial'"),
    ({"rewind": {"to": "step", "at": -1}}, "/rewind/at", "from 0 on"),
    ({"data": {"scale": "0-1"}}, "/data/scale", "'0..1'"),
    ({"training": {"epochs": -1}}, "/training/epochs", "from 0 on"),
    ({"training": {"batch_size": 0}}, "/training/batch_size", "from 1 on"),
    ({"training": {"learning_rate": 0}}, "/training/learning_rate", "above 0"),
    ({"training": {"distillation": 2}}, "/training/distillation", "up to 1"),
    ({"training": {"class_weight": {"a": 0}}}, "/training/class_weight/a", "above 0"),
    ({"training": {"precision": "float16"}}, "/training/precision", "'mixed_float16'"),
    ({"controls": ["random"]}, "/controls/0", "'random_units'"),
    ({"replicates": 0}, "/replicates", "from 1 on"),
    ({"seed": -1}, "/seed", "from 0 on"),
    ({"exports": ["tflite"]}, "/exports/0", "keras"),
    ({"seed": True}, "/seed", "Neither true nor false"),
    ({"training": {"distillation": True}}, "/training/distillation", "Neither true nor false"),
    (
        {"criterion": {"name": "threshold", "threshold": float("inf")}},
        "/criterion/threshold",
        "finite",
    ),
    ({"training": {"class_weight": {"0": float("inf")}}}, "/training/class_weight/0", "finite"),
    ({**N_OF_M, "n_m": [2, 4, 8]}, "/n_m", "no more than 2"),
    ({"exports": []}, "/exports", '["keras"]'),
    # contradictions
    ({"criterion": {"name": "threshold"}}, "/criterion/threshold", "a number above 0"),
    ({"criterion": {"threshold": 0.1}}, "/criterion/threshold", '"threshold"'),
    ({"granularity": "block", **REDUCE, "controls": []}, "/block_shape", "[rows, columns]"),
    ({"block_shape": [2, 2]}, "/block_shape", '"block"'),
    ({"granularity": "n:m", **REDUCE, "controls": []}, "/n_m", "[2, 4]"),
    ({"granularity": "n:m", "n_m": [4, 4], "controls": []}, "/n_m", "below m"),
    ({"granularity": "weight", "criterion": {"name": "fpgm"}}, "/criterion/name", '"unit"'),
    ({"granularity": "weight", "round_to": 8}, "/round_to", "write 1"),
    ({"objective": {"density": 0.2}}, "/objective/density", "parameters_ratio"),
    ({"controls": ["random_mask"]}, "/controls", '"random_units"'),
    ({"granularity": "weight", "controls": ["random_units"]}, "/controls", '"random_mask"'),
    ({"controls": ["fresh_small", "fresh_small"]}, "/controls/1", "leave it out"),
    ({"minimum_kept": 1}, "/minimum_kept", "less than 1"),
    (
        {"protect": ["hidden"], "layer_fractions": {"hidden": 0.5}},
        "/layer_fractions/hidden",
        "one of the two",
    ),
    (
        {"schedule": {"output_layer_fraction": 0.1}},
        "/schedule/output_layer_fraction",
        "write null",
    ),
    ({"schedule": {"early_bird": True}}, "/schedule/early_bird", "objective"),
    (
        {**REDUCE, "start": "trained", "schedule": {"early_bird": True}},
        "/schedule/early_bird",
        "write false",
    ),
    ({"rewind": {"at": 3}}, "/rewind/at", '"step" or "epoch"'),
    (
        {"rewind": {"to": "epoch", "at": 9}, "training": {"epochs": 3}},
        "/rewind/at",
        "Leaves nothing to train",
    ),
    (
        {"rewind": {"to": "epoch", "at": 4}, "training": {"epochs": 5, "retrain_epochs": 3}},
        "/rewind/at",
        "retrain_epochs",
    ),
    ({"rewind": {"to": "none", "rescale_init": True}}, "/rewind/rescale_init", '"initial"'),
    (
        {"granularity": "weight", "controls": [], "rewind": {"rescale_init": True}},
        "/rewind/rescale_init",
        '"unit"',
    ),
    ({"start": "trained", "rewind": {"to": "initial"}}, "/rewind/to", '"learning_rate"'),
    ({"start": "trained", "criterion": {"name": "movement"}}, "/criterion/name", '"magnitude"'),
    ({"training": {"epochs": 0}, "rewind": {"to": "initial"}}, "/rewind/to", '"none"'),
    ({"training": {"epochs": 0}, "controls": ["fresh_small"]}, "/controls", "write []"),
    ({"training": {"epochs": 0}, "replicates": 3}, "/replicates", "write 1"),
    ({"training": {"retrain_epochs": 0}, "rewind": {"to": "initial"}}, "/rewind/to", '"none"'),
    ({"training": {"retrain_epochs": 0}, "controls": ["fresh_small"]}, "/controls", "write []"),
    ({"objective": {"max_metric_drop": 5}}, "/objective/max_metric_drop", "write 0.05"),
    (
        {**N_OF_M, "layer_fractions": {"hidden": 0.3}},
        "/layer_fractions",
        "name the layer in protect",
    ),
    (
        {**N_OF_M, "schedule": {"output_layer_fraction": 0.1}},
        "/schedule/output_layer_fraction",
        "name the layer in protect",
    ),
    ({**N_OF_M, "scope": "sensitivity"}, "/scope", '"global"'),
    (
        {**N_OF_M, "criterion": {"name": "threshold", "threshold": 0.1}},
        "/criterion/name",
        '"magnitude"',
    ),
    ({**N_OF_M, "minimum_kept": 0.9}, "/minimum_kept", "at most 0.5"),
    (
        {
            "granularity": "weight",
            "controls": [],
            "minimum_kept": 0.2,
            "objective": {"density": 0.1},
        },
        "/objective/density",
        "lower minimum_kept",
    ),
    (
        {"protect": ["block"], "layer_fractions": {"block/conv": 0.5}},
        "/layer_fractions/block~1conv",
        "one of the two",
    ),
    (
        {"training": {"epochs": 0, "retrain_epochs": 5}},
        "/training/retrain_epochs",
        'start to "trained"',
    ),
    ({"training": {"epochs": 0, "distillation": 0.5}}, "/training/distillation", "write 0"),
    ({"training": {"retrain_epochs": 0, "distillation": 1}}, "/training/distillation", "write 0"),
]


@pytest.mark.parametrize(("recipe", "pointer", "instead"), ALONE, ids=str)
def test_recipe_is_refused_over_the_api(
    recipe: Recipe, pointer: str, instead: str, asked: tuple[TestClient, dict[str, str]]
) -> None:
    api, pair = asked
    found = refuse(api, {**pair, "recipe": recipe})
    assert instead in found[f"/recipe{pointer}"]


@pytest.mark.parametrize(("recipe", "pointer", "instead"), ALONE, ids=str)
def test_recipe_is_refused_at_the_command_line(
    recipe: Recipe, pointer: str, instead: str, tmp_path: Path
) -> None:
    recipe_file, out = tmp_path / "recipe.json", tmp_path / "out"
    recipe_file.write_text(json.dumps(recipe))
    model, data = tmp_path / "net.keras", tmp_path / "data.npz"
    model.write_bytes(files.model())
    data.write_bytes(files.dataset())
    command = ["local", "prune", model, data, "--recipe", recipe_file, "--out", out]
    result = CliRunner().invoke(build(), [str(part) for part in command])
    assert isinstance(result.exception, PruneryError), result.output
    assert exit_code(result.exception) == 2
    found = {error.pointer: error.message for error in result.exception.errors}
    assert instead in found[pointer]
    assert not out.exists()


def test_every_finding_comes_at_once(api: TestClient, pair: dict[str, str]) -> None:
    recipe = {"block_shape": [2, 2], "n_m": [2, 4], "rewind": {"at": 3}}
    found = refuse(api, {**pair, "recipe": recipe})
    assert set(found) == {"/recipe/block_shape", "/recipe/n_m", "/recipe/rewind/at"}
