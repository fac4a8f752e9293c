"""Recipes that do not fit the model or the data beside them: refused, and the field is named."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from prunery.specs.models import TensorInfo
from tests.integration.api import files
from tests.integration.api.conftest import refuse
from tests.integration.api.worker import DATA, SUMMARY, Worker

Recipe = dict[str, Any]

# Four features, three classes, layers `hidden` and `out`.
UNFIT: list[tuple[Recipe, str, str]] = [
    ({"protect": ["hidden_2"]}, "/protect/0", "noise, hidden, out"),
    (
        {"layer_fractions": {"block/conv": 0.3}},
        "/layer_fractions/block~1conv",
        "noise, hidden, out",
    ),
    ({"layer_fractions": {"out": 0.3}}, "/layer_fractions/out", "instead: hidden"),
    (
        {"granularity": "weight", "controls": [], "layer_fractions": {"noise": 0.3}},
        "/layer_fractions/noise",
        "instead: hidden, out",
    ),
    ({"criterion": {"name": "bn_scale"}}, "/criterion/name", '"magnitude"'),
    ({"training": {"optimizer": "adamm"}}, "/training/optimizer", "adam"),
    ({"training": {"optimizer": "LossScaleOptimizer"}}, "/training/optimizer", "adam"),
    ({"training": {"loss": "crossentropy"}}, "/training/loss", "sparse_categorical_crossentropy"),
    ({"training": {"loss": "mse"}}, "/training/loss", "sparse_categorical_crossentropy"),
    ({"training": {"loss": "hinge"}}, "/training/loss", "sparse_categorical_crossentropy"),
    (
        {"training": {"loss": "binary_crossentropy"}},
        "/training/loss",
        "sparse_categorical_crossentropy",
    ),
    ({"training": {"metric": "goodness"}}, "/training/metric", "balanced_accuracy"),
    ({"training": {"metric": "rmse"}}, "/training/metric", "accuracy"),
    (
        {"training": {"class_weight": {"cat": 2.0}}},
        "/training/class_weight/cat",
        "0, 1, 2",
    ),
    ({"data": {"scale": "caffe"}}, "/data/scale", '"-1..1"'),
    ({"data": {"resize": "crop"}}, "/data/resize", '"auto"'),
    ({"data": {"labels": "multi_label"}}, "/data/labels", '"integers"'),
    ({"data": {"labels": "one_hot"}}, "/data/labels", '"integers"'),
    ({"protect": ["hidden"]}, "/protect", "name fewer"),
    (
        {"granularity": "weight", "controls": [], "protect": ["hidden", "out"]},
        "/protect",
        "name fewer",
    ),
    ({"rewind": {"to": "epoch", "at": 201}}, "/rewind/at", "at most 200 epochs"),
    ({"rewind": {"to": "step", "at": 10**9}}, "/rewind/at", "at most 1600 steps"),
    (
        {"rewind": {"to": "step", "at": 500}, "training": {"epochs": 3, "batch_size": 20}},
        "/rewind/at",
        "at most 9 steps",
    ),
]


@pytest.mark.parametrize(("recipe", "pointer", "instead"), UNFIT, ids=str)
def test_recipe_that_does_not_fit_is_refused(
    recipe: Recipe, pointer: str, instead: str, asked: tuple[TestClient, dict[str, str]]
) -> None:
    api, pair = asked
    found = refuse(api, {**pair, "recipe": recipe})
    assert instead in found[f"/recipe{pointer}"]


@pytest.mark.parametrize("criterion", ["snip", "grasp", "taylor", "apoz"])
def test_criteria_that_look_at_examples_need_them(
    criterion: str, api: TestClient, pair: dict[str, str]
) -> None:
    recipe = {"training": {"epochs": 0}, "criterion": {"name": criterion}}
    found = refuse(api, {"model": pair["model"], "recipe": recipe})
    assert "give a dataset" in found["/recipe/criterion/name"]


@pytest.mark.parametrize("criterion", ["snip", "taylor"])
def test_criteria_that_need_labels_are_refused_without(
    criterion: str, api: TestClient, pair: dict[str, str], worker: Worker
) -> None:
    bare = DATA.model_copy(update={"labels": (), "arrays": DATA.arrays[:1]})
    worker.pass_dataset(pair["dataset"], bare)
    recipe = {"training": {"epochs": 0}, "criterion": {"name": criterion}}
    found = refuse(api, {**pair, "recipe": recipe})
    assert "Needs labels" in found["/recipe/criterion/name"]


@pytest.mark.parametrize(
    "recipe", [{"scope": "sensitivity"}, {"objective": {"max_metric_drop": 0.1}}], ids=str
)
def test_what_is_measured_needs_examples(
    recipe: Recipe, api: TestClient, pair: dict[str, str]
) -> None:
    recipe = {**recipe, "training": {"epochs": 0}}
    found = refuse(api, {"model": pair["model"], "recipe": recipe})
    assert all("give a dataset" in message for message in found.values())


@pytest.mark.parametrize("start", ["untrained", "reinitialize"])
def test_an_initial_model_is_for_trained_uploads(
    start: str, api: TestClient, pair: dict[str, str]
) -> None:
    body = {**pair, "initial_model": pair["model"], "recipe": {"start": start}}
    assert '"trained" or "auto"' in refuse(api, body)["/recipe/start"]


@pytest.mark.parametrize(
    ("change", "words"),
    [({"kernel_paths": ("hidden",)}, "no layer 'out'"), ({"parameters": 60}, "fewer weights")],
)
def test_an_initial_model_has_the_layers_of_the_model(
    change: dict[str, Any], words: str, api: TestClient, pair: dict[str, str], worker: Worker
) -> None:
    other = files.upload(api, "models", files.model(), "before.keras")["id"]
    body = {**pair, "initial_model": other, "recipe": {"start": "trained"}}
    worker.pass_model(other, SUMMARY.model_copy(update=change))
    assert words in refuse(api, body)["/initial_model"]
    assert api.post("/v1/checks", json=body).json()["fits"] is False
    worker.pass_model(other, SUMMARY)
    assert api.post("/v1/checks", json=body).json()["fits"] is True


def test_numbers_have_no_class_weights(
    api: TestClient, pair: dict[str, str], worker: Worker
) -> None:
    one = SUMMARY.model_copy(
        update={"outputs": (TensorInfo(name="y", shape=(1,), dtype="float32"),), "compiled": None}
    )
    worker.pass_model(pair["model"], one)
    label = DATA.labels[0].model_copy(update={"kind": "values", "classes": None})
    worker.pass_dataset(pair["dataset"], DATA.model_copy(update={"labels": (label,)}))
    recipe = {"training": {"class_weight": "balanced"}}
    found = refuse(api, {**pair, "recipe": recipe})
    assert "leave it out" in found["/recipe/training/class_weight"]
