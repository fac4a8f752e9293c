"""Pages of a server with a job in every state."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from starlette.testclient import TestClient

from app.core.settings import Settings
from tests.integration.api.conftest import client_of
from tests.integration.api.live import Server, serving
from tests.integration.api.worker import Worker
from tests.integration.web.scenes import Scenes, build
from tests.services.browser import ARGUMENTS


@pytest.fixture
def web(settings: Settings) -> Iterator[TestClient]:
    """A person's browser, as far as a client can be one."""
    with browsing(settings) as client:
        yield client


@contextmanager
def browsing(settings: Settings) -> Iterator[TestClient]:
    """Such a browser, before a server with these settings."""
    with client_of(settings) as client:
        client.headers["Accept"] = "text/html"
        client.headers["Accept-Language"] = "en"
        client.follow_redirects = False
        yield client


@pytest.fixture
def worker(web: TestClient) -> Worker:
    """Plays the worker's part on the same rows and files."""
    return Worker(web.app.state.context)


@pytest.fixture(scope="package")
def built(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> tuple[Path, Scenes]:
    """A data folder with a job in every state, to copy."""
    folder = tmp_path_factory.mktemp("scenes")
    shutil.copy(migrated_sqlite, folder / "prunery.db")
    with client_of(Settings(data_dir=folder, min_free_disk_bytes=0)) as client:
        return folder, build(client, Worker(client.app.state.context))


@pytest.fixture
def scenes(tmp_path: Path, built: tuple[Path, Scenes]) -> Iterator[Scenes]:
    """A job in every state, in a server of the test's own."""
    folder, made = built
    data = Path(shutil.copytree(folder, tmp_path / "scenes"))
    with browsing(Settings(data_dir=data, min_free_disk_bytes=0)) as client:
        yield replace(made, client=client, worker=Worker(client.app.state.context))


@pytest.fixture(scope="package")
def stage(
    tmp_path_factory: pytest.TempPathFactory, built: tuple[Path, Scenes]
) -> Iterator[tuple[Server, Scenes]]:
    """A real server with a job in every state, for real browsers; nothing in it changes."""
    folder, made = built
    data = Path(shutil.copytree(folder, tmp_path_factory.mktemp("stage") / "data"))
    with serving(data, min_free_disk_bytes=0) as server:
        yield server, made


@pytest.fixture(scope="package")
def browser(chromium: Path) -> Iterator[Browser]:
    """One Chromium for all tests; each opens contexts of its own."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield opened
        opened.close()
