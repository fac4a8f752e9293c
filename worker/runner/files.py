"""Files that an engine wrote, into storage. It may be hostile: nothing is followed, all is named.

A symbolic link to another's file, a hard link, a pipe that never ends: each would make the runner,
which is not walled in, read what the engine may not.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from app.core.storage import CHUNK, Storage

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,120}")
MOST_FILES = 5_000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Files = dict[str, dict[str, Any]]


class UnsafeFileError(Exception):
    """The engine left something that no engine of ours leaves."""


def upload_folder(storage: Storage, prefix: str, base: Path, folder: str = "") -> Files:
    """Store every file below `base/folder` under `prefix`: name -> key, size_bytes, sha256.

    `base` is ours, what lies below is the engine's. Raises: UnsafeFileError, FileNotFoundError.
    """
    stored: Files = {}
    with _open_below(base, folder) as root:
        for name, descriptor in _walk(root, ""):
            if len(stored) == MOST_FILES:
                os.close(descriptor)
                raise UnsafeFileError("too many files")
            stored[name] = _put(storage, f"{prefix}/{name}", descriptor)
    return stored


def upload_file(storage: Storage, key: str, base: Path, name: str) -> dict[str, Any]:
    """Store `base/name`, where `name` came from the engine. Raises as `upload_folder`."""
    path = PurePosixPath(name)
    with _open_below(base, str(path.parent)) as folder:
        return _put(storage, key, _open_file(folder, path.name))


def read_file(base: Path, name: str, limit: int = 256 * 1024 * 1024) -> bytes:
    """The content of `base/name`, which the engine wrote. Raises as `upload_folder`."""
    path = PurePosixPath(name)
    with _open_below(base, str(path.parent)) as folder:
        descriptor = _open_file(folder, path.name)
        with os.fdopen(descriptor, "rb") as file:
            content = file.read(limit + 1)
    if len(content) > limit:
        raise UnsafeFileError(f"{name} is too large")
    return content


@contextlib.contextmanager
def _open_below(base: Path, folder: str) -> Iterator[int]:
    descriptor = os.open(base, _FOLDER)
    try:
        for part in PurePosixPath(folder).parts:
            if NAME.fullmatch(part) is None:
                raise UnsafeFileError(f"the name {part[:50]!r}")
            deeper = _open_folder(descriptor, part)
            os.close(descriptor)
            descriptor = deeper
        yield descriptor
    finally:
        os.close(descriptor)


def _walk(folder: int, prefix: str) -> Iterator[tuple[str, int]]:
    """Yield (name, open descriptor) of every file; the receiver closes it."""
    for name in sorted(os.listdir(folder)):
        if NAME.fullmatch(name) is None:
            raise UnsafeFileError(f"the name {name[:50]!r}")
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            deeper = _open_folder(folder, name)
            try:
                yield from _walk(deeper, f"{prefix}{name}/")
            finally:
                os.close(deeper)
        else:
            yield f"{prefix}{name}", _open_file(folder, name)


def _open_folder(folder: int, name: str) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except NotADirectoryError as error:  # a symbolic link, too
        raise UnsafeFileError(f"{name} is no folder") from error


def _open_file(folder: int, name: str) -> int:
    if NAME.fullmatch(name) is None:
        raise UnsafeFileError(f"the name {name[:50]!r}")
    try:
        descriptor = os.open(name, _FILE, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError as error:  # ELOOP: a symbolic link
        raise UnsafeFileError(f"{name} cannot be opened") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(descriptor)
        raise UnsafeFileError(f"{name} is no plain file")
    return descriptor


def _put(storage: Storage, key: str, descriptor: int) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0

    def chunks() -> Iterator[bytes]:
        nonlocal size
        with os.fdopen(descriptor, "rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                yield chunk

    storage.put(key, chunks())
    return {"key": key, "size_bytes": size, "sha256": digest.hexdigest()}
