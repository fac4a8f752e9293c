"""A recipe asked for on a command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prunery.asked import read_recipe
from prunery.specs.presets import resolve


def test_settings_lie_over_the_file_over_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps({"preset": "quick", "training": {"epochs": 5, "batch_size": 8}}))
    asked = read_recipe("article", file, ["training.epochs=7", "rewind.to=initial"])
    assert asked == {
        "preset": "article",
        "training": {"epochs": 7, "batch_size": 8},
        "rewind": {"to": "initial"},
    }


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("seed=3", {"seed": 3}),
        ("approximate=true", {"approximate": True}),
        ('protect=["a/b"]', {"protect": ["a/b"]}),
        ("objective={}", {"objective": {}}),
        ("training.optimizer=adam", {"training": {"optimizer": "adam"}}),
        ("training.learning_rate=null", {"training": {"learning_rate": None}}),
        ("data.scale=0..1", {"data": {"scale": "0..1"}}),
        ("granularity=n:m", {"granularity": "n:m"}),
        ("training.loss=a=b", {"training": {"loss": "a=b"}}),
    ],
)
def test_values_are_json_or_plain_words(setting: str, value: object) -> None:
    assert read_recipe(settings=[setting]) == value


@pytest.mark.parametrize("setting", ["epochs", "=3", "training..epochs=3", "seed.deep=1"])
def test_what_is_no_setting_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match=r"key\.path=value|already set"):
        read_recipe(settings=["seed=3", setting])


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_what_is_no_recipe_file_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "recipe.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=r"recipe\.json"):
        read_recipe(file=file)


def test_a_report_repeats_its_recipe(tmp_path: Path) -> None:
    recipe = resolve({"preset": "quick", "seed": 7})
    file = tmp_path / "report.json"
    file.write_text(json.dumps({"format": 1, "method": {"recipe": recipe.model_dump(mode="json")}}))
    assert resolve(read_recipe(file=file)) == recipe


def test_a_single_key_reaches_the_resolved_recipe() -> None:
    recipe = resolve(read_recipe("article", settings=["training.epochs=60"]))
    assert recipe.training.epochs == 60
    assert recipe.training.batch_size == 32
