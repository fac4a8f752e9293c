"""Bytes under keys, in a folder or in S3, behind one small interface. Nothing is held in memory.

models/<id>, datasets/<id>           uploads, as they came
jobs/<id>/levels/<k>/a<attempt>/...  a finished level; jobs/<id>/levels/<k>/manifest.json says whose
jobs/<id>/checkpoint/a<attempt>-<n>/ the newest checkpoint inside a level
jobs/<id>/a<attempt>/...             final files
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore, S3Store

if TYPE_CHECKING:
    from obstore.store import ObjectStore

    from app.core.settings import Settings

CHUNK = 1024 * 1024


class Stored(NamedTuple):
    """What a put has written."""

    size_bytes: int
    sha256: str


class Storage:
    """One store. Keys are relative, `/` between parts; `..` is refused."""

    def __init__(self, store: ObjectStore, *, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder

    @classmethod
    def in_folder(cls, folder: Path) -> Storage:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(LocalStore(folder, automatic_cleanup=True), folder=folder)

    @classmethod
    def from_settings(cls, settings: Settings) -> Storage:
        if settings.storage_url is None:
            return cls.in_folder(settings.storage_dir)
        address = urlsplit(settings.storage_url)
        if address.scheme == "file":
            return cls.in_folder(Path(address.path))
        if address.scheme != "s3":
            raise ValueError("PRUNERY_STORAGE_URL must be s3://bucket/prefix or file:///folder.")
        secret = settings.s3_secret_access_key
        plain = (settings.s3_endpoint or "").startswith("http://")
        store = S3Store(
            address.netloc,
            prefix=address.path.strip("/") or None,
            endpoint=settings.s3_endpoint,
            region=settings.s3_region,
            access_key_id=settings.s3_access_key_id,
            secret_access_key=secret.get_secret_value() if secret else None,
            client_options={"allow_http": plain},
        )
        return cls(store)

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> Stored:
        """Store what arrives, hashing on the way. When `chunks` raises, nothing is kept."""
        digest, size = hashlib.sha256(), 0

        async def watched() -> AsyncIterator[bytes]:
            nonlocal size
            async for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                yield chunk

        await obstore.put_async(self._store, key, watched())
        return Stored(size, digest.hexdigest())

    def put(self, key: str, chunks: Iterable[bytes]) -> None:
        """Store what an iterable yields, overwriting what was there."""
        obstore.put(self._store, key, chunks)

    def put_file(self, key: str, path: Path) -> Stored:
        """Store a file, overwriting what was there."""
        digest, size = hashlib.sha256(), 0

        def chunks() -> Iterator[bytes]:
            nonlocal size
            for chunk in _pieces(path):
                digest.update(chunk)
                size += len(chunk)
                yield chunk

        self.put(key, chunks())
        return Stored(size, digest.hexdigest())

    def adopt(self, key: str, path: Path) -> None:
        """Take a finished file over: by rename where storage is a folder of the same disk."""
        if (target := self.local_path(key)) is None:
            self.put(key, _pieces(path))  # whoever received it has hashed it
            path.unlink()
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Store a small object unless the key exists; whether it was stored."""
        try:
            obstore.put(self._store, key, data, mode="create")
        except AlreadyExistsError:
            return False
        return True

    def get(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Read `key` from byte `start` up to, not including, `end`.

        Raises: FileNotFoundError, at once.
        """
        found = obstore.get(self._store, key, options=_range(start, end))
        return (bytes(chunk) for chunk in found.stream(min_chunk_size=CHUNK))

    async def get_async(
        self, key: str, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """As `get`, for answers that stream: `async for chunk in await storage.get_async(key)`."""
        found = await obstore.get_async(self._store, key, options=_range(start, end))

        async def chunks() -> AsyncIterator[bytes]:
            async for chunk in found.stream(min_chunk_size=CHUNK):
                yield bytes(chunk)

        return chunks()

    def read(self, key: str) -> bytes:
        """A small object, whole. Raises: FileNotFoundError."""
        return b"".join(self.get(key))

    def size(self, key: str) -> int | None:
        """Size in bytes, or None where there is nothing."""
        try:
            return int(obstore.head(self._store, key)["size"])
        except FileNotFoundError:
            return None

    def download(self, key: str, path: Path) -> None:
        """Copy an object into a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if (source := self.local_path(key)) is not None:
            shutil.copyfile(source, path)
            return
        with path.open("wb") as file:
            for chunk in self.get(key):
                file.write(chunk)

    def local_path(self, key: str) -> Path | None:
        """The file behind `key` where storage is a folder of this machine, to be read only."""
        return self._folder / key if self._folder is not None else None

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is as good as deleted."""
        try:
            obstore.delete(self._store, key)
        except FileNotFoundError:
            return

    def delete_prefix(self, prefix: str) -> int:
        """Delete everything below a folder-like prefix; how many objects there were."""
        paths = [entry["path"] for batch in obstore.list(self._store, prefix) for entry in batch]
        for path in paths:
            self.delete(path)
        return len(paths)

    def free_bytes(self) -> int | None:
        """Room left, where that can be known: a folder's disk."""
        return shutil.disk_usage(self._folder).free if self._folder is not None else None

    def is_up(self) -> bool:
        """Whether the store answers."""
        try:
            obstore.head(self._store, "is-up")
        except FileNotFoundError:
            return True
        except Exception:
            return False
        return True


def _range(start: int, end: int | None) -> obstore.GetOptions:
    if end is not None:
        return {"range": (start, end)}
    return {"range": {"offset": start}} if start else {}


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
