"""What a hostile engine may leave in its folder never makes the runner read something else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.core.storage import Storage
from worker.runner.files import UnsafeFileError, read_file, upload_file, upload_folder


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage.in_folder(tmp_path / "storage")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    made = tmp_path / "scratch"
    (made / "levels" / "0").mkdir(parents=True)
    (made / "levels" / "0" / "model.keras").write_text("weights")
    (tmp_path / "secret").write_text("secret")
    return made


def test_a_folder_is_stored_file_by_file(storage: Storage, base: Path) -> None:
    (base / "levels" / "0" / "more").mkdir()
    (base / "levels" / "0" / "more" / "x.npz").write_text("x")
    files = upload_folder(storage, "jobs/j/levels/0/a1", base, "levels/0")
    assert {name: file["size_bytes"] for name, file in files.items()} == {
        "model.keras": 7, "more/x.npz": 1
    }  # fmt: skip
    assert storage.read("jobs/j/levels/0/a1/more/x.npz") == b"x"


def link_file(base: Path) -> None:
    (base / "levels" / "0" / "trap").symlink_to(base.parent / "secret")


def link_folder(base: Path) -> None:
    (base / "levels" / "0" / "trap").symlink_to(base.parent, target_is_directory=True)


def hard_link(base: Path) -> None:
    (base / "levels" / "0" / "trap").hardlink_to(base.parent / "secret")


def pipe(base: Path) -> None:
    os.mkfifo(base / "levels" / "0" / "trap")


def hidden_name(base: Path) -> None:
    (base / "levels" / "0" / "..trap").write_text("x")


@pytest.mark.parametrize("trap", [link_file, link_folder, hard_link, pipe, hidden_name])
def test_traps_are_refused(storage: Storage, base: Path, trap) -> None:  # type: ignore[no-untyped-def]
    trap(base)
    with pytest.raises(UnsafeFileError):
        upload_folder(storage, "p", base, "levels/0")


def test_a_folder_that_became_a_link_is_not_followed(storage: Storage, base: Path) -> None:
    (base / "out").symlink_to(base.parent, target_is_directory=True)
    with pytest.raises(UnsafeFileError):
        upload_file(storage, "p", base, "out/secret")


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "levels/../../secret", "", "."])
def test_names_cannot_leave_the_folder(storage: Storage, base: Path, name: str) -> None:
    with pytest.raises(UnsafeFileError):
        upload_file(storage, "p", base, name)


def test_a_file_that_is_too_large_is_not_read_whole(base: Path) -> None:
    assert read_file(base, "levels/0/model.keras") == b"weights"
    with pytest.raises(UnsafeFileError):
        read_file(base, "levels/0/model.keras", limit=3)
