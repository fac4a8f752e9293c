"""A body on its way to a file: constant memory, hashed as it comes, nothing left when it breaks."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from app.http.bodies import body_of
from prunery.specs.errors import PruneryError

# A slow line is no attack: the deadline allows 100 kB/s, and never less than ten minutes.
SLOWEST_BYTES_PER_SECOND = 100_000
LEAST_SECONDS = 600
_WRITE_BYTES = 1 << 20
_STALE_SECONDS = 86_400


@dataclass(frozen=True)
class Received:
    """A file that has come whole and belongs to nobody yet."""

    path: Path
    size_bytes: int
    sha256: str


class Incoming:
    """The folder of files that are not judged yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def new(self) -> Iterator[Sink]:
        """A file to write into; it is deleted at the end of the block unless it was moved away."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        sink = Sink(self.folder / secrets.token_hex(16))
        try:
            yield sink
        finally:
            sink.close()
            sink.path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Delete what a process that died has left."""
        oldest = time.time() - _STALE_SECONDS
        for path in self.folder.glob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    path.unlink()


class Sink:
    """One file being written: bytes are gathered to a megabyte, then written in a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO = path.open("xb")
        self._digest = hashlib.sha256()
        self._pending = bytearray()
        self.size_bytes = 0

    async def write(self, chunk: bytes) -> None:
        """Take a piece of any size."""
        self._pending += chunk
        if len(self._pending) >= _WRITE_BYTES:
            await run_in_threadpool(self._flush)

    def take(self, source: BinaryIO) -> None:
        """Copy another file."""
        while chunk := source.read(_WRITE_BYTES):
            self._pending += chunk
            self._flush()

    def _flush(self) -> None:
        self._digest.update(self._pending)
        self.size_bytes += len(self._pending)
        with told_when_full():
            self._file.write(self._pending)
        self._pending.clear()

    def finish(self) -> Received:
        """Close the file; it is whole now."""
        self._flush()
        with told_when_full():
            self.close()
        return Received(self.path, self.size_bytes, self._digest.hexdigest())

    def close(self) -> None:
        self._file.close()


@contextlib.contextmanager
def told_when_full() -> Iterator[None]:
    """A disk that fills up in the meantime is no mistake of ours. Raises: `disk_full`."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise PruneryError("disk_full", "The disk filled up while the upload came.") from None


async def body(request: Request, sink: Sink, limit_bytes: int) -> Received:
    """Receive a raw body. Raises `upload_too_large`, `body_too_short`, `file_empty`."""
    async for chunk in pieces(request, limit_bytes):
        await sink.write(chunk)
    return await run_in_threadpool(sink.finish)


async def pieces(request: Request, limit_bytes: int) -> AsyncIterator[bytes]:
    """The body piece by piece, within its limits of size and time."""
    incoming = body_of(request.scope)
    seconds = max(
        LEAST_SECONDS, (incoming.declared_bytes or limit_bytes) / SLOWEST_BYTES_PER_SECOND
    )
    incoming.lift(limit_bytes, seconds)
    try:
        async for chunk in request.stream():
            if chunk:
                yield chunk
    except ClientDisconnect:
        raise PruneryError(
            "body_too_short",
            f"The connection ended after {incoming.read_bytes} bytes"
            + (f" of {incoming.declared_bytes}." if incoming.declared_bytes else "."),
        ) from None
    if incoming.declared_bytes is not None and incoming.read_bytes < incoming.declared_bytes:
        raise PruneryError("body_too_short", "Fewer bytes came than Content-Length announced.")
