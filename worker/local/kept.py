"""Where a local run works: a folder that outlives a stop, so that the same command goes on."""

from __future__ import annotations

import fcntl
import glob
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prunery.specs.errors import PruneryError


@contextmanager
def kept(out: Path, files: Iterable[Path | None], *asked: str) -> Iterator[Path]:
    """A folder beside `out`, the same for the same files, wishes and `out`.

    It is removed at the end, whatever that was; only a run that was stopped (KeyboardInterrupt,
    or the process killed) leaves it. What runs with other wishes left for this `out` goes when one
    is done, for then `out` holds another answer. Raises `conflict` while another run is at work.
    """
    folder = _beside(out, _digest(out, files, asked))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PruneryError(
            "request_invalid",
            f"No folder can be made beside {out}: {error.strerror}.",
            hint="Give another --out.",
        ) from None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _claim(descriptor)
        try:
            yield folder
        except KeyboardInterrupt:
            raise
        except BaseException:
            shutil.rmtree(folder)
            raise
        shutil.rmtree(folder)
    finally:
        os.close(descriptor)
    for other in left(out):
        _remove_if_idle(other)


def left(out: Path) -> list[Path]:
    """Folders of runs for `out` that are not done."""
    return sorted(_beside(out, "").parent.glob(glob.escape(_beside(out, "").name) + "*"))


def _beside(out: Path, digest: str) -> Path:
    place = out.absolute()
    return place.parent / f".{place.name}.prunery-{digest}"


def _remove_if_idle(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _claim(descriptor)
    except PruneryError:
        return  # its run is at work
    else:
        shutil.rmtree(folder)
    finally:
        os.close(descriptor)


def _claim(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PruneryError(
            "conflict",
            "The same command is running already.",
            hint="Wait for it, or give another --out.",
        ) from None


def _digest(out: Path, files: Iterable[Path | None], asked: Iterable[str]) -> str:
    """Files by place, size and time: to read them takes long, to begin anew is never wrong."""
    known = [str(out.absolute()), *asked]
    for path in files:
        state = path.stat() if path is not None else None
        known.append(f"{path and path.absolute()} {state and (state.st_size, state.st_mtime_ns)}")
    return hashlib.sha256("\0".join(known).encode()).hexdigest()[:16]
