"""Files on their way: hashed as they go, in constant memory, with progress."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import httpx2

from prunery.specs.errors import PruneryError

CHUNK_BYTES = 256 * 1024
Progress = Callable[[int, int | None], None]
"""Called with the bytes done and the bytes in all, None where that is unknown."""


class Outgoing:
    """A file as a request body; its length is sent ahead, so the server can refuse it unread."""

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        self._stream = path.open("rb")
        self.size_bytes = os.fstat(self._stream.fileno()).st_size
        self._progress = progress

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def __iter__(self) -> Iterator[bytes]:
        done = 0
        while chunk := self._stream.read(CHUNK_BYTES):
            yield chunk
            done += len(chunk)
            if self._progress:
                self._progress(done, self.size_bytes)


def sha256(path: Path) -> str:
    """Hexadecimal digest of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_header(hexadecimal: str) -> str:
    """`sha-256=:base64:` as RFC 9530 writes it."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(hexadecimal)).decode()}:"


def save(response: httpx2.Response, path: Path, progress: Progress | None = None) -> Path:
    """Write a streamed answer to `path`, which appears only when whole and checked.

    Raises: digest_mismatch where the bytes are not those that the server named.
    """
    total = response.headers.get("Content-Length")
    expected = _expected_digest(response)
    digest = hashlib.sha256()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    try:
        with partial.open("wb") as stream:
            for chunk in response.iter_bytes(CHUNK_BYTES):
                stream.write(chunk)
                digest.update(chunk)
                if progress:
                    progress(stream.tell(), int(total) if total else None)
        if expected is not None and digest.digest() != expected:
            raise PruneryError("digest_mismatch", f"{path.name} arrived damaged.")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _expected_digest(response: httpx2.Response) -> bytes | None:
    found = re.search(r"sha-256=:([A-Za-z0-9+/=]+):", response.headers.get("Repr-Digest", ""))
    return base64.b64decode(found[1]) if found else None
