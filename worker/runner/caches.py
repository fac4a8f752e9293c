"""Prepared datasets, kept for the next job. One folder per owner: an engine could poison it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from app.core.settings import Settings

KEPT_SECONDS = 86_400.0


def owner_cache(settings: Settings, owner_id: str) -> Path:
    """The cache that this owner's engines may write."""
    folder = settings.work_dir / "cache" / owner_id
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def trim(settings: Settings) -> int:
    """Remove entries that were made more than a day ago; how many there were."""
    removed, oldest = 0, time.time() - KEPT_SECONDS
    for entry in (settings.work_dir / "cache").glob("*/*"):
        if entry.lstat().st_mtime > oldest:
            continue
        # Out of the way at once: an engine must never find half of one.
        gone = entry.with_name(f".gone-{entry.name}")
        entry.rename(gone)
        if gone.is_dir() and not gone.is_symlink():
            shutil.rmtree(gone, ignore_errors=True)
        else:
            gone.unlink(missing_ok=True)
        removed += 1
    return removed
