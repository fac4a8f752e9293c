"""Inputs: roles, shapes, types, and how far they are mended."""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prunery.specs.datasets import DatasetOptions, DatasetSummary
from prunery.specs.errors import PruneryError
from prunery.specs.models import ModelSummary
from tests.engine.dataset_files import made, model, npz
from worker.engine.datasets import canonical, inspect
from worker.engine.datasets.scaling import with_scale

RNG = np.random.default_rng(0)
IDS = np.arange(40) % 3


def _refused(path: Path, summary: Any) -> PruneryError:
    with pytest.raises(PruneryError) as caught:
        made(path, summary)
    return caught.value


def test_an_axis_of_one_is_added_or_dropped_and_told(tmp_path: Path) -> None:
    images = RNG.random((40, 6, 5))
    path = npz(tmp_path / "a.npz", x=images, y=IDS)
    dataset = made(path, model((6, 5, 1)))
    assert dataset.train.x["input"].shape[1:] == (6, 5, 1)
    assert any("added" in note for note in dataset.notes)
    path = npz(tmp_path / "b.npz", x=images[..., None], y=IDS)
    dataset = made(path, model((6, 5)))
    assert dataset.train.x["input"].shape[1:] == (6, 5)
    assert any("dropped" in note for note in dataset.notes)
    assert made(path, model((None, None, 1))).notes == ()


@pytest.mark.parametrize(
    ("found", "wanted", "hint"),
    [
        ((6, 5), (30,), "x.reshape(len(x), 30)"),
        ((30,), (6, 5, 1), "x.reshape(len(x), 6, 5, 1)"),
        ((3, 8, 6), (8, 6, 3), "x.transpose(0, 2, 3, 1)"),
        ((12, 12, 3), (6, 6, 3), "Resize the images to 6 x 6"),
        ((6, 6, 3), (6, 6, 1), "3 channels"),
        ((5,), (4,), "4 features"),
    ],
)
def test_any_other_shape_is_refused_with_what_would_mend_it(
    tmp_path: Path, found: tuple[int, ...], wanted: tuple[int, ...], hint: str
) -> None:
    error = _refused(npz(tmp_path / "a.npz", x=RNG.random((40, *found)), y=IDS), model(wanted))
    assert error.code == "dataset_mismatch"
    assert hint in error.hint
    assert f"found {found}" in error.errors[0].message


def test_several_inputs_and_outputs_go_by_name(tmp_path: Path) -> None:
    path = npz(
        tmp_path / "a.npz",
        image=RNG.integers(0, 256, (40, 8, 8, 3)).astype(np.uint8),
        weather=RNG.random((40, 4)),
        kind=IDS,
        price=RNG.random(40),
        spare=IDS,
    )
    summary = model(
        {"image": (8, 8, 3), "weather": (4,)},
        {"kind": (3,), "price": (1,)},
        loss="kind: sparse_categorical_crossentropy, price: mse",
    )
    dataset = made(path, summary)
    assert list(dataset.train.x) == ["image", "weather"]
    assert dataset.train.y["kind"].dtype == np.int32
    assert dataset.train.y["price"].shape[1:] == (1,)
    assert any("spare" in note for note in dataset.notes)
    assert dataset.pixels == ("image",)
    scaled = with_scale(dataset, "-1..1")
    assert scaled.train.x["image"].min() == pytest.approx(-1)
    np.testing.assert_array_equal(scaled.train.x["weather"], dataset.train.x["weather"])
    assert scaled.scale.is_identity


def test_splits_of_named_arrays(tmp_path: Path) -> None:
    arrays = {f"{n}_{s}": RNG.random((20, 4)) for n in ("left", "right") for s in ("train", "test")}
    labels = {f"y_{s}": IDS[:20] for s in ("train", "test")}
    dataset = made(
        npz(tmp_path / "a.npz", **arrays, **labels), model({"left": (4,), "right": (4,)})
    )
    assert dataset.examples == {"train": 17, "validation": 3, "test": 20}


def test_arrays_that_could_be_either_are_asked_for(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", p=RNG.random((40, 4)), q=RNG.random((40, 4)), y=IDS)
    error = _refused(path, model({"left": (4,), "right": (4,)}))
    assert error.code == "dataset_mismatch"
    assert [e.pointer for e in error.errors] == ["/dataset/left", "/dataset/right"]


def test_names_are_guessed_where_shapes_leave_no_doubt(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", p=RNG.random((40, 4)), q=RNG.random((40, 7)), y=IDS)
    dataset = made(path, model({"left": (7,), "right": (4,)}))
    assert dataset.train.x["left"].shape[1:] == (7,)
    unnamed = npz(tmp_path / "b.npz", arr_0=RNG.random((40, 4)), arr_1=IDS)
    assert made(unnamed, model()).examples["train"] > 0
    own = npz(tmp_path / "c.npz", pixels=RNG.random((40, 4)), digit=IDS)
    assert made(own, model({"pixels": (4,)}, {"digit": (3,)})).labels == "integers"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (np.uint8, np.uint8),
        (bool, np.uint8),
        (np.int16, np.int16),
        (np.int64, np.int32),
        (np.uint16, np.int32),
        (np.float16, np.float16),
        (np.float64, np.float32),
        (">f4", np.float32),
    ],
)
def test_types_are_kept_or_narrowed(tmp_path: Path, given: Any, kept: Any) -> None:
    path = npz(tmp_path / "a.npz", x=np.ones((40, 4)).astype(given), y=IDS)
    assert made(path, model()).train.x["input"].dtype == kept


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_numbers_that_cannot_be_trained_on_are_refused_where_they_are(
    tmp_path: Path, bad: float
) -> None:
    x = np.ones((40, 4))
    x[17, 2] = bad
    error = _refused(npz(tmp_path / "a.npz", x=x, y=IDS), model())
    assert error.code == "dataset_invalid"
    assert "[17, 2]" in error.detail or "beyond 32 bits" in error.detail


def test_texts_as_inputs_are_refused(tmp_path: Path) -> None:
    error = _refused(npz(tmp_path / "a.npz", x=np.array([["a"] * 4] * 40), y=IDS), model())
    assert error.code == "dataset_dtype_unsupported"


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("compressed", [False, True])
def test_every_layout_of_arrays_is_read_alike(tmp_path: Path, order: Any, compressed: bool) -> None:
    x = np.asarray(RNG.random((40, 4)), order=order)
    save = np.savez_compressed if compressed else np.savez
    save(tmp_path / "a.npz", x_train=x, y_train=IDS, x_val=x, y_val=IDS, x_test=x, y_test=IDS)
    dataset = made(tmp_path / "a.npz", model())
    np.testing.assert_array_equal(dataset.train.x["input"], x.astype(np.float32))


def test_a_zip_of_arrays_is_read_like_an_npz(tmp_path: Path) -> None:
    npz(tmp_path / "a.npz", x=RNG.random((40, 4)), y=IDS)
    with (
        zipfile.ZipFile(tmp_path / "a.npz") as given,
        zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in given.namelist():
            packed.writestr(f"data/{name}", given.read(name))
        packed.writestr("__MACOSX/data/._x.npy", "junk")
    first, second = made(tmp_path / "a.npz", model()), made(tmp_path / "b.zip", model())
    np.testing.assert_array_equal(first.train.x["input"], second.train.x["input"])
    assert second.format == "npy_zip"


def test_pixels_are_told_from_other_numbers(tmp_path: Path) -> None:
    def pixels(x: np.ndarray, shape: tuple[int, ...]) -> tuple[str, ...]:
        name = f"{len(list(tmp_path.glob('*.npz')))}.npz"
        return made(npz(tmp_path / name, x=x, y=np.arange(len(x)) % 3), model(shape)).pixels

    bytes_ = RNG.integers(0, 256, (40, 8, 8)).astype(np.uint8)
    assert pixels(bytes_, (8, 8))
    assert pixels(bytes_.reshape(40, 64), (64,))
    assert pixels(bytes_.astype(np.float32), (8, 8))
    assert not pixels(bytes_ / 255, (8, 8))
    assert not pixels(bytes_[:, 0, :4], (4,))
    assert not pixels(RNG.normal(size=(40, 8, 8)), (8, 8))


def test_scaling_is_one_multiplication(tmp_path: Path) -> None:
    x = RNG.integers(0, 256, (40, 8, 8)).astype(np.uint8)
    dataset = made(npz(tmp_path / "a.npz", x=x, y=IDS), model((8, 8)))
    for name, low, high in (("0..1", 0, 1), ("-1..1", -1, 1)):
        scale = with_scale(dataset, name).scale
        assert 0 * scale.multiplier + scale.offset == pytest.approx(low)
        assert 255 * scale.multiplier + scale.offset == pytest.approx(high)
    assert with_scale(dataset, "none") is dataset
    assert with_scale(dataset, "0..1").train.x["input"].dtype == np.uint8


def test_what_was_prepared_is_found_again(tmp_path: Path, monkeypatch: Any) -> None:
    path = npz(tmp_path / "a.npz", x=RNG.random((40, 4)), y=IDS)
    cache = tmp_path / "cache"
    first = made(path, model(), cache=cache)

    def again(*_: Any) -> None:
        raise AssertionError("prepared twice")

    monkeypatch.setattr(canonical, "save", again)
    second = made(path, model(), cache=cache)
    np.testing.assert_array_equal(first.train.x["input"], second.train.x["input"])
    assert (first.notes, first.classes) == (second.notes, second.classes)
    with pytest.raises(AssertionError, match="twice"):
        made(path, model(loss="categorical_crossentropy"), cache=cache)
    assert [each.name for each in cache.iterdir() if each.name.startswith(".")] == []


def test_a_set_larger_than_memory_stays_mapped(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(canonical, "_IN_MEMORY_BYTES", 100)
    path = npz(tmp_path / "a.npz", x=RNG.random((40, 4)), y=IDS)
    dataset = made(path, model())
    assert isinstance(dataset.train.x["input"], np.memmap)
    taken = dataset.train.take(np.array([3, 1]))
    assert not isinstance(taken.x["input"], np.memmap)
    np.testing.assert_array_equal(taken.x["input"][0], dataset.train.x["input"][3])


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        (RNG.integers(0, 25, (40, 6)), "numbers from 0 to 19"),
        (RNG.integers(-21, 20, (40, 6)), "numbers from 0 to 19"),
        (RNG.random((40, 6)), "whole numbers"),
    ],
)
def test_numbers_that_an_embedding_has_no_entry_for_are_refused(
    tmp_path: Path, numbers: np.ndarray, told: str
) -> None:
    """Some loops would end in TensorFlow's own words; XLA takes the last entry, silently."""
    summary = _looking_up(20)
    error = _refused(npz(tmp_path / "a.npz", x=numbers, y=IDS), summary)
    assert error.code == "dataset_mismatch"
    assert told in error.detail
    assert error.hint
    made(npz(tmp_path / "b.npz", x=RNG.integers(-1, 20, (40, 6)), y=IDS), summary)


def _looking_up(entries: int) -> ModelSummary:
    summary = model((6,))
    words = summary.inputs[0].model_copy(update={"entries": entries})
    return summary.model_copy(update={"inputs": (words,)})


def test_fractions_that_leave_nothing_to_train_on_are_refused(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", x=RNG.random((40, 4)), y=IDS)
    options = DatasetOptions(validation_fraction=0.6, test_fraction=0.5)
    for look in (partial(made, path, model(), options=options), partial(_looked_at, path, options)):
        with pytest.raises(PruneryError, match="request_invalid") as caught:
            look()
        assert [one.pointer for one in caught.value.errors] == ["/validation_fraction"]


def test_fractions_of_splits_that_were_given_do_not_count(tmp_path: Path) -> None:
    some = {"x_train": RNG.random((40, 4)), "y_train": IDS, "x_test": RNG.random((40, 4))}
    path = npz(tmp_path / "a.npz", **some, y_test=IDS)
    found = _looked_at(path, DatasetOptions(validation_fraction=0.6, test_fraction=0.5))
    assert found.examples == {"train": 40, "test": 40}


def _looked_at(path: Path, options: DatasetOptions) -> DatasetSummary:
    return inspect(path, path.name, options)


@pytest.mark.parametrize("named", [{"label_column": "kind"}, {"feature_columns": ("a",)}])
def test_columns_of_what_is_no_table_are_refused(tmp_path: Path, named: dict[str, Any]) -> None:
    path = npz(tmp_path / "a.npz", x=RNG.random((40, 4)), y=IDS)
    with pytest.raises(PruneryError) as caught:
        made(path, model(), options=DatasetOptions(**named))
    assert [one.pointer for one in caught.value.errors] == [f"/{next(iter(named))}"]
