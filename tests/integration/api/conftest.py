"""An API of its own for every test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from starlette.testclient import TestClient

from app.core.settings import Settings
from app.main import create_app
from tests.integration.api.worker import Worker

ROOT = Path(__file__).parents[3]


def migrate(url: str) -> None:
    """Bring a database to the newest schema."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("sqlalchemy.url", url)
    command.upgrade(config, "head")


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "prunery.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def settings(tmp_path: Path, migrated_sqlite: Path) -> Settings:
    """Embedded settings in a folder of their own."""
    shutil.copy(migrated_sqlite, tmp_path / "prunery.db")
    return Settings(data_dir=tmp_path, min_free_disk_bytes=0)


@pytest.fixture
def api(settings: Settings) -> Iterator[TestClient]:
    """A client of a running API."""
    with client_of(settings) as client:
        yield client


def client_of(settings: Settings) -> TestClient:
    """A client of an API with these settings; use it as a context manager."""
    return TestClient(
        create_app(settings), base_url="http://127.0.0.1:8000", raise_server_exceptions=False
    )


@pytest.fixture
def worker(api: TestClient) -> Worker:
    """Plays the worker's part on the same rows and files."""
    return Worker(api.app.state.context)
