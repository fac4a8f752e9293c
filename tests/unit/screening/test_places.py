"""An error about a file's content points to where it is in the file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from prunery.cli import print_problem
from prunery.screening import datasets, models
from prunery.specs.errors import PruneryError
from prunery.specs.job import EngineLimits
from tests.unit.screening.builders import archive, dense, keras_config, keras_file, layer, npy

FLOATS = npy("<f8", (2,), b"\0" * 16)


def _refused(path: Path) -> PruneryError:
    screen = models.screen_model if path.suffix == ".keras" else datasets.screen_dataset
    with pytest.raises(PruneryError) as caught:
        screen(path, path.name, EngineLimits())
    return caught.value


@pytest.mark.parametrize(
    ("name", "members", "pointer"),
    [
        ("a.npz", {"x.npy": npy("|O", (2,), b"\0" * 16), "y.npy": FLOATS}, "/file/x"),
        ("a.npz", {"x.npy": FLOATS, "y.npy": npy("<f8", (3,), b"\0" * 24)}, "/file/y"),
        ("a.npz", {"../x.npy": FLOATS}, "/file/..~1x.npy"),
        ("a.zip", {"cat/1.png": b"no picture", "dog/1.png": b""}, "/file/cat~11.png"),
    ],
)
def test_members_are_named(
    tmp_path: Path, name: str, members: dict[str, bytes | str], pointer: str
) -> None:
    error = _refused(archive(tmp_path / name, members))
    assert [(one.pointer, one.message) for one in error.errors] == [(pointer, error.detail)]


def test_rows_and_layers_are_named(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text("a,b\n1,2\n1,2,3\n")
    assert [one.pointer for one in _refused(table).errors] == ["/file/3"]
    strange = layer("Strange", "mine.layers", name="odd")
    path = keras_file(tmp_path / "a.keras", keras_config(dense(name="first"), strange))
    assert [one.pointer for one in _refused(path).errors] == ["/file/odd"]


def test_a_terminal_tells_it_once_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    error = _refused(archive(tmp_path / "a.npz", {"../x.npy": FLOATS}))
    print_problem(error)
    assert capsys.readouterr().err.splitlines() == [f"{error.title}. {error.detail}", error.hint]
