"""Every field of the form ends in its place in a recipe, and every finding at its field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from app.web import fields, recalled
from app.web.answers import Answers, field_of
from app.web.labels import labels
from app.web.options import options
from app.web.problems import of_recipe
from app.web.wording import in_words
from prunery.reports.language import LOCALES, load
from prunery.specs import presets
from prunery.specs.errors import PruneryError
from prunery.specs.recipe import Recipe
from tests.integration.api.test_odd_recipes import GOOD

DAY = 86_400
FORM = Path(fields.__file__).parent / "templates" / "parts" / "special.html"

TYPED: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({"limit": "1,5"}, {"objective": {"max_metric_drop": 0.015}}),
    ({"parameters": "50 %"}, {"objective": {"parameters_ratio": 0.5}}),
    (
        {"flops": "0.4", "limit": "2", "latency": "0.5", "size_bytes": "100000"},
        {
            "objective": {
                "flops_ratio": 0.4,
                "max_metric_drop": 0.02,
                "latency_ratio": 0.5,
                "size_bytes": 100000,
            }
        },
    ),
    (
        {"granularity": "weight", "density": "0.1"},
        {
            "granularity": "weight",
            "objective": {"density": 0.1},
            "controls": ["fresh_same_scale", "random_mask"],
        },
    ),
    (
        {"granularity": "block", "block_shape": "4 x 1", "control_none": "yes"},
        {"granularity": "block", "block_shape": [4, 1], "controls": []},
    ),
    (
        {"granularity": "n:m", "n_m": "2:4", "control_random": "yes"},
        {"granularity": "n:m", "n_m": [2, 4], "controls": ["random_mask"]},
    ),
    (
        {"criterion": "threshold", "threshold": "0.001", "norm": "l1", "over": "in"},
        {"criterion": {"name": "threshold", "threshold": 0.001, "norm": "l1", "over": "in"}},
    ),
    (
        {"scope": "layer", "layer_fractions": "a/conv=0.3, head=0", "protect": "first, b/last"},
        {
            "scope": "layer",
            "layer_fractions": {"a/conv": 0.3, "head": 0},
            "protect": ["first", "b/last"],
        },
    ),
    (
        {"minimum_kept": "5%", "round_to": "8", "approximate": "yes"},
        {"minimum_kept": 0.05, "round_to": 8, "approximate": True},
    ),
    (
        {"schedule": "cubic", "rounds": "4", "fraction": "0.3"},
        {"schedule": {"kind": "cubic", "rounds": 4, "pruning_fraction": 0.3}},
    ),
    (
        {"start": "untrained", "rewind": "epoch", "rewind_at": "2", "epochs": "9"},
        {
            "start": "untrained",
            "rewind": {"to": "epoch", "at": 2},
            "training": {"epochs": 9},
        },
    ),
    (
        {"parameters": "0.5", "early_bird": "yes", "rescale": "no"},
        {
            "objective": {"parameters_ratio": 0.5},
            "schedule": {"early_bird": True},
            "rewind": {"rescale_init": False},
        },
    ),
    (
        {"scale": "-1..1", "resize": "crop", "labels": "integers", "seed": "7"},
        {"data": {"scale": "-1..1", "resize": "crop", "labels": "integers"}, "seed": 7},
    ),
    (
        {
            "retrain_epochs": "3",
            "batch_size": "64",
            "early_stopping": "no",
            "optimizer": "adam",
            "learning_rate": "0,01",
            "rate_schedule": "linear",
            "loss": "mse",
            "metric": "mae",
            "class_weight": "cat=2, dog=0.5",
            "distillation": "0.5",
            "precision": "mixed_bfloat16",
        },
        {
            "training": {
                "retrain_epochs": 3,
                "batch_size": 64,
                "early_stopping": False,
                "optimizer": "adam",
                "learning_rate": 0.01,
                "schedule": "linear",
                "loss": "mse",
                "metric": "mae",
                "class_weight": {"cat": 2, "dog": 0.5},
                "distillation": 0.5,
                "precision": "mixed_bfloat16",
            }
        },
    ),
    ({"class_weight": "balanced"}, {"training": {"class_weight": "balanced"}}),
    (
        {"control_small": "yes", "control_random": "yes", "controls_on": "every"},
        {"controls": ["fresh_small", "random_units"], "controls_on": "every"},
    ),
    ({"control_fresh": "yes"}, {"controls": ["fresh_same_scale"]}),
    (
        {"preset": "paper", "granularity": "unit", "replicates": "3"},
        {
            "granularity": "unit",
            "schedule": {"output_layer_fraction": None},
            "controls": ["fresh_same_scale", "random_units"],
            "replicates": 3,
        },
    ),
    ({"preset": "paper", "output_fraction": "0.05"}, {"schedule": {"output_layer_fraction": 0.05}}),
    (
        {"more": '{"training": {"epochs": 9, "loop": "graph"}}', "epochs": "7"},
        {"training": {"epochs": 7, "loop": "graph"}},
    ),
]


@pytest.mark.parametrize(("typed", "wanted"), TYPED, ids=lambda value: ",".join(value))
def test_what_is_typed_becomes_a_recipe(typed: dict[str, str], wanted: dict[str, Any]) -> None:
    answers = Answers.read(typed)
    assert answers.recipe() == {"preset": answers.preset, **wanted}
    presets.resolve(answers.recipe())
    assert Answers.read(dict(answers.pairs)) == Answers.read({"preset": answers.preset, **typed})


def _again(recipe: Recipe) -> Recipe:
    typed = recalled.of_recipe(recipe, load("en"), DAY)
    return presets.resolve(Answers.read(typed).recipe())


@pytest.mark.parametrize("typed", [typed for typed, _ in TYPED], ids=",".join)
def test_a_recipe_is_recalled_as_it_was_typed(typed: dict[str, str]) -> None:
    recipe = presets.resolve(Answers.read(typed).recipe())
    recalled_as = recalled.of_recipe(recipe, load("en"), DAY)
    assert presets.resolve(Answers.read(recalled_as).recipe()) == recipe
    assert set(recalled_as) <= {*typed, "preset", "more"}


@pytest.mark.parametrize("preset", presets.PRESETS)
def test_of_a_preset_nothing_is_recalled_but_its_name(preset: str) -> None:
    recipe = presets.resolve({"preset": preset})
    assert recalled.of_recipe(recipe, load("en"), DAY) == {"preset": preset}


@pytest.mark.parametrize("asked", GOOD, ids=str)
def test_whatever_a_service_asks_is_recalled(asked: dict[str, Any]) -> None:
    recipe = presets.resolve(asked)
    assert _again(recipe) == recipe


def test_every_field_is_tried_here() -> None:
    tried = {name for typed, _ in TYPED for name in typed}
    assert {*fields.BY_NAME, *fields.CONTROLS, "control_none"} <= tried


def test_every_field_is_on_the_page_under_its_label() -> None:
    page = FORM.read_text(encoding="utf-8")
    shown = set(re.findall(r'(?:row|choose|tick)\("(\w+)"', page))
    assert {*fields.BY_NAME, *fields.CONTROLS} <= shown
    assert set(fields.BY_NAME) <= set(labels(load("en")))


def test_every_part_of_a_recipe_has_a_field() -> None:
    left_to_json = {
        "/preset", "/controls", "/deadline_seconds", "/exports", "/training/loop",
        "/training/threads",
    }  # fmt: skip
    assert set(_paths(Recipe, "")) - left_to_json == set(fields.BY_POINTER) - {"/more"}


def _paths(schema: type[BaseModel], above: str) -> list[str]:
    found = []
    for name, field in schema.model_fields.items():
        inner = field.annotation
        is_part = isinstance(inner, type) and issubclass(inner, BaseModel)
        found += _paths(inner, f"{above}/{name}") if is_part else [f"{above}/{name}"]
    return found


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"limit": "-1"}, "limit"),
        ({"parameters": "150%"}, "parameters"),
        ({"layer_fractions": "conv1"}, "layer_fractions"),
        ({"layer_fractions": "conv1=2"}, "layer_fractions"),
        ({"granularity": "block", "control_none": "yes"}, "block_shape"),
        ({"granularity": "n:m", "n_m": "four", "control_none": "yes"}, "n_m"),
        ({"class_weight": "cat"}, "class_weight"),
        ({"rewind_at": "3"}, "rewind_at"),
        ({"early_bird": "yes"}, "early_bird"),
        ({"granularity": "weight", "round_to": "8"}, "round_to"),
        ({"approximate": "maybe"}, "approximate"),
        ({"epochs": "0", "control_small": "yes"}, "controls"),
        ({"more": "smaller, please"}, "more"),
    ],
    ids=str,
)
def test_a_finding_leads_to_its_field(typed: dict[str, str], field: str) -> None:
    with pytest.raises(PruneryError) as caught:
        presets.resolve(Answers.read(typed).recipe())
    assert field in {field_of(error) for error in caught.value.errors}


def test_every_list_offers_what_a_recipe_takes() -> None:
    for name, entries in options(load("en")).items():
        for value, _ in entries:
            part: Any = fields.BY_NAME[name].read(value)
            for key in reversed(fields.BY_NAME[name].path):
                part = {key: part}
            Recipe.model_validate(part)


@pytest.mark.parametrize(
    ("typed", "english", "russian"),
    [
        (
            {"epochs": "0", "rewind": "initial"},
            "Nothing is trained again (“Epochs of training” is 0): choose “where it stands”.",
            "«текущего места»",
        ),
        ({"epochs": "0", "control_small": "yes"}, "choose “None”", "выберите «Никаких»"),
        (
            {"granularity": "weight", "round_to": "8"},
            "set “What is removed” to “whole units”",
            "«Что убирать»",
        ),
        ({"early_bird": "yes"}, "set “How small, and how good”", "«"),
        (
            {"start": "trained", "parameters": "0.5", "early_bird": "yes"},
            "choose “no”",
            "выберите «нет»",
        ),
        (
            {"epochs": "0", "retrain_epochs": "3"},
            "set “The file holds” to “a trained model”",
            "«",
        ),
        ({"density": "0.2"}, "use “Numbers left, as a share”", "«"),
    ],
    ids=str,
)
def test_a_finding_speaks_of_what_the_form_shows(
    typed: dict[str, str], english: str, russian: str
) -> None:
    for code, wanted in (("en", english), ("ru", russian)):
        language = load(code, Path(fields.__file__).parent / "locales", LOCALES)
        with pytest.raises(PruneryError) as caught:
            presets.resolve(Answers.read(typed).recipe())
        told = [one.message for one in of_recipe(caught.value, Answers.read(typed), language)]
        assert any(wanted in one for one in told), told
        assert not re.search(r"training\.|rewind\.|granularity|\"|\bstart\b", " ".join(told))


def test_values_that_nobody_chooses_from_a_list_stay_as_they_are() -> None:
    language = load("en")
    assert in_words('Write mse, or "auto".', language, "loss") == "Write mse, or nothing."
    kept = 'There is no class "cat"; "scope" of the start.'
    assert in_words(kept, language, "class_weight") == kept
