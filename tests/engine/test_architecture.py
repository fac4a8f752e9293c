"""Weights-only files with their architecture beside them, at the command line."""

from __future__ import annotations

import json
from pathlib import Path

import keras
from typer.testing import CliRunner

from worker.local.commands import local


def test_weights_and_architecture_in_two_files_are_one_model(tmp_path: Path):
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(6, "relu", name="a"), keras.layers.Dense(2)]
    )
    weights, architecture = tmp_path / "net.weights.h5", tmp_path / "net.json"
    model.save_weights(weights)
    architecture.write_text(model.to_json())
    arguments = ["inspect", str(weights), "--architecture", str(architecture), "--json"]
    result = CliRunner().invoke(local, arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["summary"]["parameters"] == model.count_params()
