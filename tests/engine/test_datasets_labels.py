"""Labels as people have them become what the loss takes, or are refused with words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prunery.specs.errors import PruneryError
from tests.engine.dataset_files import made, model, npz
from worker.engine.datasets.scaling import with_scale

RNG = np.random.default_rng(0)
X = RNG.random((60, 4)).astype(np.float32)
IDS = np.arange(60) % 3


def _refused(path: Path, summary: Any, **more: Any) -> PruneryError:
    with pytest.raises(PruneryError) as caught:
        made(path, summary, **more)
    return caught.value


def test_integers_from_zero_stay(tmp_path: Path) -> None:
    for index, dtype in enumerate((np.uint8, np.int64, np.float64)):
        path = npz(tmp_path / f"{index}.npz", x=X, y=IDS.astype(dtype)[:, None])
        dataset = made(path, model())
        assert (dataset.task, dataset.labels) == ("multiclass", "integers")
        assert dataset.train.y["output"].dtype == np.int32
        assert dataset.train.y["output"].ndim == 1
        assert dataset.classes == ("0", "1", "2")
        assert dataset.label_mapping is None


def test_any_integers_are_numbered_where_they_fill_the_output(tmp_path: Path) -> None:
    dataset = made(npz(tmp_path / "a.npz", x=X, y=IDS * 10 - 5), model())
    assert dataset.label_mapping == {"-5": 0, "5": 1, "15": 2}
    assert dataset.classes == ("-5", "5", "15")


def test_texts_are_numbered_in_sorted_order(tmp_path: Path) -> None:
    words = np.array(["dog", "cat", "äffchen"])[IDS]
    dataset = made(npz(tmp_path / "a.npz", x=X, y=words), model())
    assert dataset.label_mapping == {"cat": 0, "dog": 1, "äffchen": 2}
    assert set(dataset.train.y["output"]) == {0, 1, 2}


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (np.arange(60) % 5, "labels from 0 to 4"),
        (IDS + 100 * (np.arange(60) == 7), "labels from 0 to 101"),
        (np.where(IDS == 0, -1, IDS), "labels from -1 to 2"),
        (np.array([str(i % 4) + "x" for i in range(60)]), "4 classes"),
    ],
)
def test_labels_out_of_range_are_refused(tmp_path: Path, labels: np.ndarray, found: str) -> None:
    summary = model() if "-1" not in found else model(outputs=(4,))
    error = _refused(npz(tmp_path / "a.npz", x=X, y=labels), summary)
    assert error.code == "dataset_mismatch"
    assert found in error.errors[0].message
    assert "output" in error.errors[0].pointer


def test_the_loss_decides_how_classes_arrive(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", x=X, y=IDS)
    one_hot = made(path, model(loss="categorical_crossentropy"))
    assert one_hot.labels == "one_hot"
    assert one_hot.train.y["output"].shape[1:] == (3,)
    assert one_hot.train.y["output"].dtype == np.float32
    assert made(path, model(loss="SparseCategoricalCrossentropy")).labels == "integers"
    asked = made(path, model(loss="sparse_categorical_crossentropy"), loss="kl_divergence")
    assert asked.labels == "integers"


def test_one_hot_labels(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", x=X, y=np.eye(3)[IDS])
    dataset = made(path, model(loss="categorical_crossentropy"))
    assert (dataset.labels, dataset.task) == ("one_hot", "multiclass")
    sparse = made(path, model(loss="sparse_categorical_crossentropy"))
    assert sparse.labels == "integers"
    assert set(sparse.train.y["output"]) == {0, 1, 2}
    assert any("One-hot" in note for note in sparse.notes)
    assert set(np.argmax(dataset.validation.y["output"], axis=1)) == {0, 1, 2}


def test_multi_label(tmp_path: Path) -> None:
    labels = (RNG.random((60, 3)) > 0.5).astype(np.uint8)
    dataset = made(npz(tmp_path / "a.npz", x=X, y=labels), model(activation="sigmoid"))
    assert (dataset.labels, dataset.task) == ("multi_label", "multilabel")
    assert dataset.train.y["output"].dtype == np.float32


@pytest.mark.parametrize(
    "labels", [IDS > 0, (IDS > 0) * 2 - 1, np.array(["no", "yes"])[(IDS > 0) * 1]]
)
def test_two_classes_for_one_unit(tmp_path: Path, labels: np.ndarray) -> None:
    summary = model(outputs=(1,), activation="sigmoid", loss="binary_crossentropy")
    dataset = made(npz(tmp_path / "a.npz", x=X, y=labels), summary)
    assert dataset.task == "binary"
    assert dataset.train.y["output"].shape[1:] == (1,)
    assert set(dataset.train.y["output"].ravel()) == {0.0, 1.0}


def test_numbers_for_one_unit_are_values(tmp_path: Path) -> None:
    summary = model(outputs=(1,), activation=None, loss="mean_squared_error")
    for index, y in enumerate((RNG.random(60) * 9, IDS, RNG.random((60, 1)))):
        dataset = made(npz(tmp_path / f"{index}.npz", x=X, y=y), summary)
        assert (dataset.labels, dataset.task) == ("values", "regression")
        assert dataset.train.y["output"].shape[1:] == (1,)
        assert dataset.classes is None


def test_values_for_several_units(tmp_path: Path) -> None:
    summary = model(outputs=(2,), activation=None)
    dataset = made(npz(tmp_path / "a.npz", x=X, y=RNG.normal(size=(60, 2))), summary)
    assert dataset.task == "regression"


def test_labels_at_every_position(tmp_path: Path) -> None:
    images = RNG.random((20, 6, 6, 3))
    masks = RNG.integers(0, 4, (20, 6, 6))
    summary = model((6, 6, 3), (6, 6, 4), loss="sparse_categorical_crossentropy")
    for index, y in enumerate((masks, masks[..., None])):
        dataset = made(npz(tmp_path / f"{index}.npz", x=images, mask=y), summary)
        assert (dataset.labels, dataset.task) == ("per_position", "per_position")
        assert dataset.train.y["output"].shape[1:] == (6, 6)
    wide = model((6, 6, 3), (6, 6, 4), loss="categorical_crossentropy")
    assert made(tmp_path / "0.npz", wide).train.y["output"].shape[1:] == (6, 6, 4)
    error = _refused(tmp_path / "0.npz", model((6, 6, 3), (6, 6, 3)))
    assert error.code == "dataset_mismatch"


def test_masks_of_0_and_255_are_yes_and_no(tmp_path: Path) -> None:
    masks = (RNG.random((20, 6, 6, 1)) > 0.5).astype(np.uint8) * 255
    summary = model((6, 6, 3), (6, 6, 1), activation="sigmoid", loss="binary_crossentropy")
    dataset = made(npz(tmp_path / "a.npz", x=RNG.random((20, 6, 6, 3)), y=masks), summary)
    assert set(np.unique(dataset.train.y["output"])) == {0.0, 1.0}
    assert any("255" in note for note in dataset.notes)


def test_no_labels_and_a_model_that_reproduces_its_input(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", x=RNG.integers(0, 256, (30, 8, 8, 1)).astype(np.uint8))
    dataset = made(path, model((8, 8, 1), (8, 8, 1), activation="sigmoid"))
    assert dataset.task == "autoencoder"
    scaled = with_scale(dataset, "0..1")
    assert scaled.scale.name == "0..1"
    assert scaled.train.y["output"].max() <= 1.0
    np.testing.assert_array_equal(scaled.train.y["output"], scaled.train.x["input"])
    np.testing.assert_allclose(
        scaled.train.x["input"], dataset.train.x["input"].astype(np.float32) / 255, rtol=1e-6
    )


def test_no_labels_is_refused_unless_nothing_trains(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", x=X)
    assert _refused(path, model()).code == "dataset_mismatch"
    assert made(path, model(), labels_needed=False).labels == "none"


@pytest.mark.parametrize(
    ("summary", "y", "code"),
    [
        (model(), np.zeros(60), "dataset_invalid"),
        (model(), np.where(IDS == 1, np.nan, IDS), "dataset_invalid"),
        (model(), RNG.random(60), "dataset_mismatch"),
        (model(), RNG.random((60, 5)), "dataset_mismatch"),
        (model(), RNG.random((60, 3)) * 7, "dataset_mismatch"),
        (model(loss="mse"), IDS, "loss_mismatch"),
        (model(loss="binary_crossentropy"), IDS, "loss_mismatch"),
        (model(outputs=(1,), loss="sparse_categorical_crossentropy"), IDS > 0, None),
        (model(outputs=(1,), activation="sigmoid"), IDS, "dataset_mismatch"),
        (model(outputs=(1,), activation="sigmoid"), RNG.random(60) * 7, "dataset_mismatch"),
        (model(loss="binary_crossentropy"), (RNG.random((60, 3)) > 0.5) * 3, "dataset_mismatch"),
        (model(outputs=(5, 3)), IDS, "dataset_mismatch"),
    ],
)
def test_labels_that_cannot_work_are_refused(
    tmp_path: Path, summary: Any, y: np.ndarray, code: str | None
) -> None:
    path = npz(tmp_path / "a.npz", x=X, y=y)
    if code is None:
        assert made(path, summary).labels == "values"
        return
    error = _refused(path, summary)
    assert error.code == code
    assert error.hint
    if code == "loss_mismatch":
        assert [one.pointer for one in error.errors] == ["/training/loss"]
