"""Storage in a folder keeps whole objects or nothing, and stays inside its folder."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from app.core.storage import Storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage.in_folder(tmp_path / "storage")


def test_put_if_absent_keeps_the_first(storage: Storage) -> None:
    assert storage.put_if_absent("a/manifest.json", b"first")
    assert not storage.put_if_absent("a/manifest.json", b"second")
    assert storage.read("a/manifest.json") == b"first"


def test_a_stream_is_hashed_and_counted_on_the_way(storage: Storage) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 100_000

    stored = asyncio.run(storage.put_stream("models/m", chunks()))
    assert stored.size_bytes == 4_000_000 == storage.size("models/m")
    assert stored.sha256 == hashlib.sha256(b"x" * 4_000_000).hexdigest()


def test_a_stream_that_breaks_leaves_nothing(storage: Storage, tmp_path: Path) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"x" * 8_000_000
        raise ConnectionError("the client went away")

    with pytest.raises(ConnectionError):
        asyncio.run(storage.put_stream("models/m", chunks()))
    assert storage.size("models/m") is None
    assert not [path for path in (tmp_path / "storage").rglob("*") if path.is_file()]


def test_ranges_are_read_without_the_rest(storage: Storage) -> None:
    storage.put("a", [b"0123456789"])
    assert b"".join(storage.get("a", 3)) == b"3456789"
    assert b"".join(storage.get("a", 3, 5)) == b"34"


def test_a_missing_object_is_said_at_once(storage: Storage) -> None:
    with pytest.raises(FileNotFoundError):
        storage.get("nothing")
    storage.delete("nothing")


def test_keys_cannot_leave_the_folder(storage: Storage, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.\."):
        storage.put("a/../../outside", [b"x"])
    assert not (tmp_path / "outside").exists()


def test_a_prefix_is_deleted_whole_and_alone(storage: Storage) -> None:
    for key in ("jobs/a/1", "jobs/a/b/2", "jobs/ab/3"):
        storage.put(key, [b"x"])
    assert storage.delete_prefix("jobs/a") == 2
    assert storage.size("jobs/ab/3") == 1


def test_a_file_is_adopted_by_a_store_that_is_no_folder(tmp_path: Path) -> None:
    storage = Storage(MemoryStore())
    (tmp_path / "upload").write_bytes(b"x" * 4_000_000)
    storage.adopt("models/m", tmp_path / "upload")
    assert not (tmp_path / "upload").exists()
    assert storage.size("models/m") == 4_000_000
