"""A folder for one attempt: what the engine may only read, what it may write, what we keep to us.

control/  spec.json, policy.json, the engine's output    read by the engine
inputs/   uploads that storage cannot offer as files      read by the engine
scratch/  work, levels, checkpoint, out, home             written by the engine
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

from app.core.storage import Storage
from worker.runner.files import Files


class Workspace:
    """Made at the start of an attempt and removed at its end.

    The lock says that its runner lives: one that died leaves a folder that anybody may remove.
    """

    def __init__(self, parent: Path, name: str) -> None:
        parent.mkdir(parents=True, exist_ok=True)
        self.root = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
        fresh = self.root / "lock.new"
        self._lock = os.open(fresh, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        # It appears locked, or a reaper would take the folder for abandoned.
        fresh.rename(self.root / "lock")
        for folder in (self.control, self.inputs, *self.writable):
            folder.mkdir(parents=True)

    @property
    def control(self) -> Path:
        return self.root / "control"

    @property
    def inputs(self) -> Path:
        return self.root / "inputs"

    @property
    def scratch(self) -> Path:
        return self.root / "scratch"

    @property
    def work(self) -> Path:
        return self.scratch / "work"

    @property
    def levels(self) -> Path:
        return self.scratch / "levels"

    @property
    def checkpoint(self) -> Path:
        return self.scratch / "checkpoint"

    @property
    def out(self) -> Path:
        return self.scratch / "out"

    @property
    def home(self) -> Path:
        return self.scratch / "home"

    @property
    def writable(self) -> tuple[Path, ...]:
        return (self.work, self.levels, self.checkpoint, self.out, self.home)

    def fetch(self, storage: Storage, key: str, name: str) -> Path:
        """A file with an upload's bytes: storage's own where it has one, else a copy.

        Raises: FileNotFoundError.
        """
        if (path := storage.local_path(key)) is not None:
            if not path.is_file():
                raise FileNotFoundError(key)
            return path
        storage.download(key, self.inputs / name)
        return self.inputs / name

    def restore(self, storage: Storage, files: Files, folder: Path) -> None:
        """Put files of an earlier attempt back in place."""
        for name, file in files.items():
            storage.download(file["key"], folder / name)

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        os.close(self._lock)


def remove_abandoned(parent: Path) -> int:
    """Remove workspaces whose runner is dead; how many there were."""
    removed = 0
    for root in parent.glob("*/lock"):
        try:
            descriptor = os.open(root, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(root.parent, ignore_errors=True)
            removed += 1
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)
    return removed
