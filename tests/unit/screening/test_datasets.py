"""The first look at dataset files."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from prunery.screening.datasets import screen_dataset
from prunery.specs.errors import PruneryError
from prunery.specs.job import EngineLimits
from tests.unit.screening.builders import archive, npy

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def _code(path: Path, name: str | None = None, **limits: int) -> str:
    with pytest.raises(PruneryError) as caught:
        screen_dataset(path, name or path.name, EngineLimits(**limits))
    return caught.value.code


def _npz(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


def _text(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_every_format_is_told(tmp_path: Path) -> None:
    npz = _npz(tmp_path / "a.npz", x=np.zeros((4, 2)), y=np.arange(4))
    assert screen_dataset(npz, "a.npz") == "npz"
    packed = archive(tmp_path / "b.zip", {"x.npy": npy("<f4", (2,), bytes(8))})
    assert screen_dataset(packed, "b.zip") == "npy_zip"
    table = _text(tmp_path / "c.csv", "a,b\n1,2\n")
    assert screen_dataset(table, "c.csv") == "csv"
    images = {"cat/1.png": PNG, "dog/1.jpg": b"\xff\xd8\xff" + bytes(20), "__MACOSX/x": "junk"}
    assert screen_dataset(archive(tmp_path / "d.zip", images), "d.zip") == "image_folders"


def test_content_must_agree_with_the_name(tmp_path: Path) -> None:
    npz = _npz(tmp_path / "a.npz", x=np.zeros(2))
    assert _code(npz, "a.csv") == "file_type_mismatch"
    assert _code(_text(tmp_path / "b.npz", "a,b\n1,2\n"), "b.npz") == "file_type_mismatch"
    assert _code(npz, "a.exe") == "file_type_unsupported"
    assert _code(npz, "a") == "file_type_unsupported"
    assert _code(_text(tmp_path / "e.npz", b"")) == "file_empty"
    assert (
        _code(_text(tmp_path / "f.csv", b"\x89HDF\r\n\x1a\n" + bytes(99))) == "file_type_mismatch"
    )


def test_lengths_must_agree(tmp_path: Path) -> None:
    bad = _npz(tmp_path / "a.npz", x=np.zeros((4, 2)), y=np.arange(5))
    assert _code(bad) == "dataset_invalid"
    bad = _npz(tmp_path / "b.npz", x_train=np.zeros((4, 2)), y=np.arange(4))
    assert _code(bad) == "dataset_invalid"
    bad = _npz(tmp_path / "c.npz", x_test=np.zeros((4, 2)), y_test=np.arange(4))
    assert _code(bad) == "dataset_invalid"
    assert _code(_npz(tmp_path / "d.npz", x=np.array(3.0))) == "dataset_invalid"
    assert _code(_npz(tmp_path / "e.npz", x=np.zeros((0, 2)), y=np.zeros(0))) == "dataset_invalid"


def test_splits_must_be_alike_but_for_their_length(tmp_path: Path) -> None:
    x, y = np.zeros((4, 2)), np.arange(4)
    for index, (name, bad) in enumerate(
        [("x", np.zeros((4, 3))), ("y", y[:, None]), ("y", np.array(list("abcd")))]
    ):
        arrays = {"x_train": x, "y_train": y, "x_test": x, "y_test": y, f"{name}_test": bad}
        assert _code(_npz(tmp_path / f"{index}.npz", **arrays)) == "dataset_invalid"
    twice = {"x_train": x, "train_x": x, "y_train": y}
    assert _code(_npz(tmp_path / "t.npz", **twice)) == "dataset_invalid"
    empty = {"x_train": x, "y_train": y, "x_val": x[:0], "y_val": y[:0]}
    assert _code(_npz(tmp_path / "e.npz", **empty)) == "dataset_invalid"


def test_several_texts_an_example_are_refused(tmp_path: Path) -> None:
    bad = _npz(tmp_path / "a.npz", x=np.zeros((4, 2)), y=np.full((4, 2), "a"))
    assert _code(bad) == "dataset_dtype_unsupported"


def test_splits_may_differ_in_length(tmp_path: Path) -> None:
    good = _npz(
        tmp_path / "a.npz",
        x_train=np.zeros((4, 2)),
        y_train=np.arange(4),
        x_test=np.zeros((2, 2)),
        y_test=np.arange(2),
    )
    assert screen_dataset(good, "a.npz") == "npz"


def test_one_pickled_member_refuses_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros(2), y=np.array([{}, {}], dtype=object))
    assert _code(path) == "dataset_pickled"


def test_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    path = _npz(tmp_path / "a.npz", x=np.zeros(10_000))
    assert _code(path, dataset_bytes=1_000) == "archive_too_large"


def test_archives_of_something_else_are_refused(tmp_path: Path) -> None:
    assert _code(archive(tmp_path / "a.zip", {"readme.txt": "hello"})) == "dataset_invalid"
    assert _code(archive(tmp_path / "b.zip", {".DS_Store": "x"})) == "dataset_invalid"
    twice = {"a/x.npy": npy("<f4", (2,), bytes(8)), "b/x.npy": npy("<f4", (2,), bytes(8))}
    assert _code(archive(tmp_path / "c.zip", twice)) == "dataset_invalid"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"cat/1.png": PNG}, "dataset_invalid"),
        ({"cat/1.png": PNG, "dog/1.png": b"GIF89a" + bytes(20)}, "image_invalid"),
        ({"cat/1.png": PNG, "dog/1.gif": b"GIF89a" + bytes(20)}, "image_invalid"),
        ({"cat/1.png": PNG, "dog/1.svg": "<svg/>"}, "image_invalid"),
        ({"1.png": PNG, "dog/1.png": PNG}, "dataset_invalid"),
        ({"a/b/c/1.png": PNG, "dog/1.png": PNG}, "dataset_invalid"),
        ({"train/cat/1.png": PNG, "train/dog/1.png": PNG, "cat/1.png": PNG}, "dataset_invalid"),
        ({"train/a/1.png": PNG, "train/b/1.png": PNG, "test/c/1.png": PNG}, "dataset_invalid"),
    ],
)
def test_image_folders_must_make_sense(
    tmp_path: Path, members: dict[str, bytes], code: str
) -> None:
    assert _code(archive(tmp_path / "a.zip", members)) == code


def test_a_folder_around_all_classes_is_passed_over(tmp_path: Path) -> None:
    members = {"photos/cat/1.png": PNG, "photos/dog/1.png": PNG, "photos/cat/.DS_Store": b"x"}
    assert screen_dataset(archive(tmp_path / "a.zip", members), "a.zip") == "image_folders"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a,b\n1,2,3\n", "csv_invalid"),
        ("a,b\n1\n", "csv_invalid"),
        ("a,a\n1,2\n", "csv_invalid"),
        ("a,\n1,2\n", "csv_invalid"),
        ("1,2\n3,4\n", "csv_invalid"),
        ("a\n1\n", "csv_invalid"),
        ("a,b\n1,\0\n", "csv_invalid"),
        ('a,b\n"1,2\n', "csv_invalid"),
        (b"a,b\n\xff,2\n", "csv_invalid"),
        ("a,b\n1," + "x" * 70_000 + "\n", "csv_invalid"),
        (",".join(f"c{i}" for i in range(5_000)) + "\n", "csv_too_wide"),
    ],
)
def test_tables_with_surprises_are_refused(tmp_path: Path, text: str | bytes, code: str) -> None:
    assert _code(_text(tmp_path / "a.csv", text)) == code


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_tables_of_the_usual_kinds_are_read(tmp_path: Path, encoding: str, mark: str) -> None:
    text = f"größe{mark}label\r\n1{mark}ä\r\n\r\n"
    assert screen_dataset(_text(tmp_path / "a.csv", text.encode(encoding)), "a.csv") == "csv"


def test_a_zip_made_elsewhere_is_no_npz(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", {"x.txt": "1"}, compression=zipfile.ZIP_DEFLATED)
    assert _code(path) == "dataset_invalid"
