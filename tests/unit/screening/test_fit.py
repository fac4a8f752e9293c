"""Model, dataset and recipe are held against each other before anything is queued."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from prunery.screening import fit
from prunery.specs.datasets import ArrayInfo, DatasetSummary, LabelInfo
from prunery.specs.models import CompileInfo, ModelSummary, TensorInfo
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
        single = label.kind in ("integers", "strings")
        width = () if single else (len(label.classes or ()),)
        dtype = "string" if label.kind == "strings" else "float32"
        arrays.append(ArrayInfo(name="y", split="all", shape=(100, *width), dtype=dtype))
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
    data = _data((None, None, None), _label("integers"), format="image_folders")
    assert _pointers(_model((32, 32, 3)), data) == []
    assert _pointers(_model((100,)), data) == ["/dataset"]


def test_texts_as_inputs_are_pointed_at() -> None:
    data = _data(label=_label("integers"))
    texts = data.arrays[0].model_copy(update={"dtype": "string"})
    data = data.model_copy(update={"arrays": (texts, *data.arrays[1:])})
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


def _two() -> ModelSummary:
    kind, size = ((3,), "kind", "softmax"), ((1,), "size", None)
    ends = (
        TensorInfo(name=name, shape=shape, dtype="float32", activation=after)
        for shape, name, after in (kind, size)
    )
    return _model((4,)).model_copy(update={"outputs": tuple(ends)})


def _for_two() -> DatasetSummary:
    arrays = (
        ArrayInfo(name="x", split="all", shape=(100, 4), dtype="float32"),
        ArrayInfo(name="kind", split="all", shape=(100,), dtype="int64", minimum=0, maximum=2),
        ArrayInfo(name="size", split="all", shape=(100,), dtype="float32", minimum=-1, maximum=9),
    )
    return _data().model_copy(update={"arrays": arrays})


@pytest.mark.parametrize(
    ("training", "pointer", "instead"),
    [
        ({"class_weight": {"0": 2.0}}, "/training/class_weight", '{"kind": {...}'),
        ({"class_weight": {"hue": "balanced"}}, "/training/class_weight/hue", "these do: kind"),
        ({"class_weight": {"kind": {"7": 2.0}}}, "/training/class_weight/kind/7", "0, 1, 2"),
        ({"loss": "mse"}, "/training/loss", "a loss for each output"),
        ({"metric": "mse"}, "/training/metric", "accuracy"),
    ],
)
def test_each_output_is_held_against_the_recipe(
    training: dict[str, Any], pointer: str, instead: str
) -> None:
    found = fit.match(_two(), _for_two(), resolve({"training": training}))
    assert [error.pointer for error in found] == [pointer]
    assert instead in found[0].message


@pytest.mark.parametrize(
    "training",
    [
        {"class_weight": "balanced"},
        {"class_weight": {"kind": "balanced"}},
        {"class_weight": {"kind": {"1": 2.0}}},
        {"metric": "f1"},
    ],
)
def test_what_fits_an_output_passes(training: dict[str, Any]) -> None:
    assert _pointers(_two(), _for_two(), training=training) == []


def test_a_class_that_the_output_tells_apart_can_be_weighed_without_examples() -> None:
    data = _data(label=_label("integers", 9, 0, 8))
    assert _pointers(_model(), data, training={"class_weight": {"9": 2.0}}) == []
    found = _pointers(_model(), data, training={"class_weight": {"10": 2.0}})
    assert found == ["/training/class_weight/10"]


@pytest.mark.parametrize(
    ("loss", "metric", "fits"),
    [
        ("mse", "mse", True),
        ("mse", "accuracy", False),
        ("binary_crossentropy", "auc", True),
        ("binary_crossentropy", "mse", False),
    ],
)
def test_a_metric_is_held_against_the_task_that_the_loss_makes_of_labels(
    loss: str, metric: str, fits: bool
) -> None:
    training = {"loss": loss, "metric": metric}
    found = _pointers(_model(outputs=(1,)), _data(label=_label("integers", 2)), training=training)
    assert found == ([] if fits else ["/training/metric"])


def test_the_loss_of_the_model_is_held_against_the_labels() -> None:
    model = _model(compiled=CompileInfo(loss="mean_squared_error"))
    assert _pointers(model, _data(label=_label("integers"))) == ["/training/loss"]


def test_who_learns_from_the_dense_model_alone_needs_no_labels() -> None:
    recipe = {"start": "trained", "rewind": {"to": "none"}, "training": {"distillation": 1.0}}
    assert _pointers(_model(), _data(), **recipe) == []


def test_arrays_that_may_be_either_input_are_to_be_named() -> None:
    ends = [TensorInfo(name=name, shape=(4,), dtype="float32") for name in ("left", "right")]
    model = _model().model_copy(update={"inputs": tuple(ends)})
    arrays = [ArrayInfo(name=n, split="all", shape=(9, 4), dtype="float32") for n in ("a", "b")]
    data = _data().model_copy(update={"arrays": tuple(arrays)})
    assert _pointers(model, data) == ["/dataset/left", "/dataset/right"]


def test_a_split_that_lacks_an_array_is_pointed_at() -> None:
    data = _data(label=_label("integers"))
    train = [one.model_copy(update={"split": "train"}) for one in data.arrays]
    test = data.arrays[0].model_copy(update={"split": "test"})
    found = fit.match(_model(), data.model_copy(update={"arrays": (*train, test)}), Recipe())
    assert [(one.pointer, one.message) for one in found] == [
        ("/dataset/y", "The test split has no array 'y'.")
    ]


def test_classes_at_every_position_have_their_own_metrics() -> None:
    model = _model((4, 2), (4, 3))
    data = _data((4, 2))
    words = ArrayInfo(name="y", split="all", shape=(100, 4), dtype="int64", minimum=0, maximum=2)
    data = data.model_copy(update={"arrays": (*data.arrays, words)})
    assert _pointers(model, data, training={"metric": "mean_iou"}) == []
    assert _pointers(model, data, training={"metric": "auc"}) == ["/training/metric"]
    more = data.model_copy(
        update={"arrays": (data.arrays[0], words.model_copy(update={"maximum": 3}))}
    )
    assert _pointers(model, more) == ["/dataset/y"]


def test_what_reproduces_its_input_has_no_classes_to_weigh() -> None:
    training = {"class_weight": "balanced"}
    found = _pointers(_model((4,), (4,)), _data((4,)), training=training)
    assert found == ["/training/class_weight"]
