"""How a request is laid over a preset, and how its errors point at what was written."""

from __future__ import annotations

from typing import Any

import pytest

from prunery.specs import presets
from prunery.specs.errors import PruneryError


def refused(recipe: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(PruneryError) as caught:
        presets.resolve(recipe)
    return {error.pointer: error.message for error in caught.value.errors}


@pytest.mark.parametrize("name", presets.PRESETS)
def test_preset_is_a_whole_recipe_with_words(name: str) -> None:
    recipe = presets.resolve({"preset": name})
    assert recipe.preset == name
    assert presets.DESCRIPTIONS[name]


def test_request_is_laid_over_its_preset_but_the_objective_is_replaced() -> None:
    recipe = presets.resolve({"preset": "paper", "training": {"batch_size": 7}})
    assert recipe.training.batch_size == 7
    assert recipe.training.epochs == 20
    bare = presets.resolve({"preset": "balanced", "objective": {"parameters_ratio": 0.5}})
    assert bare.objective.max_metric_drop is None


@pytest.mark.parametrize(
    ("recipe", "pointer"),
    [
        ({"training": {"batch_size": "many"}}, "/training/batch_size"),
        ({"training": {"epochs": -1}}, "/training/epochs"),
        ({"training": {"class_weight": {"a": -1}}}, "/training/class_weight/a"),
        ({"layer_fractions": {"a/b~c": 2}}, "/layer_fractions/a~1b~0c"),
        ({"protect": ["a", 1]}, "/protect/1"),
        ({"n_m": [2]}, "/n_m/1"),
        ({"trainning": {}}, "/trainning"),
    ],
)
def test_error_points_at_the_field_and_nowhere_else(recipe: dict[str, Any], pointer: str) -> None:
    assert pointer in refused(recipe)


def test_field_of_several_types_is_one_error() -> None:
    found = refused({"training": {"batch_size": "many"}})
    assert list(found) == ["/training/batch_size"]
    assert "auto" in found["/training/batch_size"]
    assert ". Or " in found["/training/batch_size"]


@pytest.mark.parametrize("length", ["epochs", "retrain_epochs"])
def test_without_retraining_weights_stay_where_they_are(length: str) -> None:
    recipe = presets.resolve({"training": {length: 0}})
    assert recipe.rewind.to == "none"
    assert recipe.controls == ()
    assert (recipe.objective.max_metric_drop is None) == (length == "epochs")
