"""Model, dataset and recipe are held against each other before anything is queued."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from prunery.screening import fit
from prunery.specs.datasets import ArrayInfo, DatasetSummary, LabelInfo
from prunery.specs.models import ModelSummary, TensorInfo
from prunery.specs.presets import resolve
from prunery.specs.recipe import Recipe

Shape = tuple[int | None, ...]
Kind = Literal["integers", "strings", "one_hot", "multi_label", "values", "per_position", "none"]


def _model(inputs: Shape = (28, 28), outputs: Shape = (10,), **more: Any) -> ModelSummary:
    return ModelSummary(
        name="net",
        format="keras",
        inputs=(TensorInfo(name="image", shape=inputs, dtype="float32"),),
        outputs=(TensorInfo(name="digit", shape=outputs, dtype="float32"),),
        layers=3,
        layer_paths=("hidden_1", "block/hidden_2", "output"),
        parameters=1,
        **more,
    )


def _data(x: Shape = (28, 28), label: LabelInfo | None = None, **more: Any) -> DatasetSummary:
    arrays = [ArrayInfo(name="x", split="all", shape=(100, *x), dtype="uint8")]
    if label is not None:
        width = (len(label.classes or ()),) if label.kind in ("one_hot", "multi_label") else ()
        arrays.append(ArrayInfo(name="y", split="all", shape=(100, *width), dtype="int64"))
    labels = () if label is None else (label,)
    return DatasetSummary(
        **{"format": "npz", "arrays": arrays, "labels": labels, "examples": {"all": 100}, **more}
    )


def _label(kind: Kind, count: int = 10, low: float = 0, high: float | None = None) -> LabelInfo:
    names = tuple(str(i) for i in range(count))
    high = count - 1 if high is None else high
    return LabelInfo(array="y", kind=kind, classes=names, minimum=low, maximum=high)


def _pointers(model: ModelSummary, data: DatasetSummary, **recipe: Any) -> list[str]:
    return [error.pointer for error in fit.match(model, data, resolve(recipe))]


@pytest.mark.parametrize("x", [(28, 28), (28, 28, 1), (1, 28, 28)])
@pytest.mark.parametrize("kind", ["integers", "strings", "one_hot", "multi_label"])
def test_what_goes_together_passes(x: Shape, kind: Kind) -> None:
    assert _pointers(_model(), _data(x, _label(kind))) == []


@pytest.mark.parametrize("x", [(784,), (27, 28), (28, 28, 3), (3, 28, 28)])
def test_another_shape_is_pointed_at(x: Shape) -> None:
    found = fit.match(_model(), _data(x, _label("integers")), Recipe())
    assert [error.pointer for error in found] == ["/dataset/x"]
    assert "expected" in found[0].message
    assert ("reshape" in found[0].message) == (x == (784,))


@pytest.mark.parametrize(
    "label",
    [
        _label("integers", 11),
        _label("integers", 10, 1, 12),
        _label("integers", 9, -1, 7),
        _label("strings", 11),
        _label("one_hot", 9),
        _label("multi_label", 12),
    ],
)
def test_labels_that_the_output_cannot_hold_are_pointed_at(label: LabelInfo) -> None:
    fits = label.kind == "integers" and len(label.classes or ()) == 10
    assert _pointers(_model(), _data(label=label)) == ([] if fits else ["/dataset/y"])


def test_labels_are_needed_to_train() -> None:
    assert _pointers(_model(), _data()) == ["/dataset/y"]
    assert _pointers(_model(), _data(), training={"epochs": 0}) == []
    assert _pointers(_model((28, 28), (28, 28)), _data()) == []


def test_a_dataset_is_needed_to_train() -> None:
    assert [e.pointer for e in fit.match(_model(), None, resolve())] == ["/dataset"]
    assert fit.match(_model(), None, resolve({"training": {"epochs": 0}})) == []


def test_layer_paths_of_the_recipe_must_exist() -> None:
    recipe = {"protect": ["output", "nowhere"], "layer_fractions": {"hidden_2": 0.5, "a/b": 0.1}}
    found = fit.match(_model(), _data(label=_label("integers")), resolve(recipe))
    assert [error.pointer for error in found] == [
        "/protect/1",
        "/layer_fractions/hidden_2",
        "/layer_fractions/a~1b",
    ]
    assert "block/hidden_2" in found[1].message


@pytest.mark.parametrize(
    ("kind", "width", "loss", "instead"),
    [
        ("integers", 10, "mse", "sparse_categorical_crossentropy"),
        ("integers", 10, "binary_crossentropy", "sparse_categorical_crossentropy"),
        ("strings", 1, "sparse_categorical_crossentropy", "binary_crossentropy"),
        ("multi_label", 10, "categorical_crossentropy", "binary_crossentropy"),
        ("values", 10, "sparse_categorical_crossentropy", "mean_squared_error"),
        ("strings", 1, "mean_squared_error", "binary_crossentropy"),
    ],
)
def test_a_loss_that_does_not_fit_is_named_with_one_that_does(
    kind: Kind, width: int, loss: str, instead: str
) -> None:
    label = _label(kind, 2 if width == 1 else 10)
    recipe = resolve({"training": {"loss": loss}})
    found = fit.match(_model(outputs=(width,)), _data(label=label), recipe)
    assert [error.pointer for error in found] == ["/training/loss"]
    assert instead in found[0].message


def test_images_fit_pictures_and_nothing_else() -> None:
    arrays = [ArrayInfo(name="x", split="all", shape=(9, None, None, None), dtype="uint8")]
    data = _data(label=_label("integers")).model_copy(
        update={"format": "image_folders", "arrays": arrays}
    )
    assert _pointers(_model((32, 32, 3)), data) == []
    assert _pointers(_model((100,)), data) == ["/dataset"]


def test_texts_as_inputs_are_pointed_at() -> None:
    info = ArrayInfo(name="x", split="all", shape=(9, 28, 28), dtype="string")
    data = _data(label=_label("integers")).model_copy(update={"arrays": [info]})
    assert _pointers(_model(), data) == ["/dataset/x"]


@pytest.mark.parametrize(("low", "high", "fits"), [(0, 9, True), (-10, 0, True), (0, 10, False)])
def test_numbers_that_no_table_has_entries_for_are_pointed_at(
    low: float, high: float, fits: bool
) -> None:
    model = _model()
    words = model.inputs[0].model_copy(update={"entries": 10})
    model = model.model_copy(update={"inputs": (words,)})
    data = _data(label=_label("integers"))
    numbers = data.arrays[0].model_copy(update={"minimum": low, "maximum": high})
    data = data.model_copy(update={"arrays": (numbers, *data.arrays[1:])})
    assert _pointers(model, data) == ([] if fits else ["/dataset/x"])
