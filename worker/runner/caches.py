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
    """Remove entries that nobody made or touched for a day; how many there were."""
    removed, oldest = 0, time.time() - KEPT_SECONDS
    for entry in (settings.work_dir / "cache").glob("*/*"):
        if entry.lstat().st_mtime > oldest:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
        removed += 1
    return removed
