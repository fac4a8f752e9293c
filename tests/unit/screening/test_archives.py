"""A zip is judged by its directory, and nothing lenient gets through."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from prunery.screening.archives import Bounds, open_archive
from prunery.specs.errors import PruneryError
from tests.unit.screening.builders import archive

BOUNDS = Bounds(members=20, unpacked_bytes=50_000_000)


def _code(path: Path, bounds: Bounds = BOUNDS) -> str:
    with pytest.raises(PruneryError) as caught:
        _read_all(path, bounds)
    return caught.value.code


def _read_all(path: Path, bounds: Bounds) -> None:
    with open_archive(path, bounds) as opened:
        for name in opened.members:
            opened.read(name, 10**9)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_ordinary_archive_is_read(tmp_path: Path, compression: int) -> None:
    path = archive(tmp_path / "a.zip", {"a.txt": "one", "b/c.txt": "two"}, compression=compression)
    with open_archive(path, BOUNDS) as opened:
        assert opened.read("a.txt", 10) == b"one"
        assert "b/c.txt" in opened
        assert opened.extract("b/c.txt", tmp_path / "out").read_bytes() == b"two"


def test_an_archive_written_to_a_pipe_is_read(tmp_path: Path) -> None:
    """Members of a streamed archive have their sizes behind the data."""
    path = tmp_path / "a.zip"

    class Pipe:
        def __init__(self) -> None:
            self.file = path.open("wb")

        def write(self, data: bytes) -> int:
            return self.file.write(data)

        def flush(self) -> None:
            self.file.flush()

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as zipped:  # type: ignore[arg-type]
        zipped.writestr("a.txt", "one" * 100)
        zipped.writestr("b.txt", "two")
    pipe.file.close()
    with open_archive(path, BOUNDS) as opened:
        assert opened.read("a.txt", 1000) == b"one" * 100


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/x", "a/../../x", "a\\b", "C:x", "a\x07b", "a//b", "./a", "x" * 300, "a/\u202eb"],
)
def test_unsafe_paths_are_refused(tmp_path: Path, name: str) -> None:
    assert _code(archive(tmp_path / "a.zip", {name: "x"})) == "archive_unsafe_path"


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as zipped:
        info = zipfile.ZipInfo("link")
        info.create_system = 3
        info.external_attr = 0o120777 << 16
        zipped.writestr(info, "/etc/passwd")
    assert _code(path) == "archive_unsafe_path"


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a": "x"})
    raw = bytearray(path.read_bytes())
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    assert _code(path) == "archive_encrypted"


def test_a_bomb_is_refused_by_what_it_declares(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a": bytes(20_000_000)}, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 50_000
    assert _code(path) == "archive_too_large"


def test_more_than_the_limit_is_refused_before_inflating(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a": bytes(2_000)})
    assert _code(path, Bounds(20, 1_000)) == "archive_too_large"


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {f"m{i}": "" for i in range(21)})
    assert _code(path) == "archive_too_large"


def test_a_directory_that_lies_about_its_count_is_counted(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {f"m{i}": "" for i in range(25)})
    raw = bytearray(path.read_bytes())
    end = raw.rindex(b"PK\x05\x06")
    raw[end + 8 : end + 12] = struct.pack("<HH", 1, 1)
    path.write_bytes(raw)
    assert _code(path) == "archive_too_large"


def test_a_member_that_inflates_further_than_declared_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a": b"x" * 5_000}, compression=zipfile.ZIP_DEFLATED)
    raw = bytearray(path.read_bytes())
    for at in (22, raw.index(b"PK\x01\x02") + 24):
        raw[at : at + 4] = struct.pack("<L", 100)
    path.write_bytes(raw)
    assert _code(path) == "archive_invalid"


def test_a_name_given_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("a", "one")
        with pytest.warns(UserWarning, match="Duplicate"):
            zipped.writestr("a", "two")
    assert _code(path) == "archive_invalid"


@pytest.mark.parametrize("where", ["before", "after", "between"])
def test_data_that_belong_to_no_member_are_refused(tmp_path: Path, where: str) -> None:
    path = archive(tmp_path / "a.zip", {"a": "one"})
    raw = path.read_bytes()
    if where == "before":
        raw = b"#!/bin/sh\n" + raw
    elif where == "after":
        raw += b"tail"
    else:
        at = raw.index(b"PK\x01\x02")
        end = raw.rindex(b"PK\x05\x06")
        moved = raw[end : end + 16] + struct.pack("<L", at + 4) + raw[end + 20 :]
        raw = raw[:at] + b"gap!" + raw[at:end] + moved
    path.write_bytes(raw)
    assert _code(path) == "archive_invalid"


def test_overlapping_members_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a": "one", "b": "two"})
    raw = bytearray(path.read_bytes())
    second = raw.index(b"PK\x01\x02", raw.index(b"PK\x01\x02") + 4)
    raw[second + 42 : second + 46] = struct.pack("<L", 0)
    path.write_bytes(raw)
    assert _code(path) == "archive_invalid"


def test_a_header_that_disagrees_with_the_directory_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"good.txt": "one"})
    raw = path.read_bytes().replace(b"good.txt", b"evil.txt", 1)
    path.write_bytes(raw)
    assert _code(path) == "archive_invalid"


def test_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a": "one"})
    path.write_bytes(path.read_bytes().replace(b"one", b"two", 1))
    assert _code(path) == "archive_invalid"


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_compression_is_refused(tmp_path: Path, compression: int) -> None:
    path = archive(tmp_path / "a.zip", {"a": b"one" * 50}, compression=compression)
    assert _code(path) == "archive_invalid"


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 0.99])
def test_a_cut_archive_is_refused(tmp_path: Path, keep: float) -> None:
    path = archive(tmp_path / "a.zip", {"a": b"one" * 100})
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * keep)])
    assert _code(path) == "archive_invalid"
