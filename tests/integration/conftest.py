"""A migrated database for every test that needs one, migrated once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.core import migrate
from app.core.settings import Settings


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "prunery.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def settings(tmp_path: Path, migrated_sqlite: Path) -> Settings:
    """Embedded settings in a folder of their own."""
    shutil.copy(migrated_sqlite, tmp_path / "prunery.db")
    return Settings(data_dir=tmp_path, min_free_disk_bytes=0)
