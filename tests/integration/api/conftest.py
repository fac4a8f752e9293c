"""An API of its own for every test."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from starlette.testclient import TestClient

from app.core.settings import Settings
from app.main import create_app
from tests.integration.api import files
from tests.integration.api.worker import Worker


@pytest.fixture(scope="session", autouse=True)
def _plain_log() -> None:
    """structlog's own default draws a logged exception for seconds."""
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, plain])


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


@pytest.fixture
def pair(api: TestClient, worker: Worker) -> dict[str, str]:
    """A model and a dataset that are ready."""
    return make_pair(api, worker)


def make_pair(api: TestClient, worker: Worker) -> dict[str, str]:
    """Upload a model and a dataset, and have them found sound."""
    model = files.upload(api, "models", files.model(), "net.keras")["id"]
    dataset = files.upload(api, "datasets", files.dataset(), "d.npz")["id"]
    worker.pass_model(model)
    worker.pass_dataset(dataset)
    return {"model": model, "dataset": dataset}


def start(api: TestClient, pair: dict[str, str], **fields: Any) -> dict[str, Any]:
    """Ask for a job that must be taken."""
    answer = api.post("/v1/jobs", json={**pair, **fields})
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json()['id']}"
    found: dict[str, Any] = answer.json()
    return found


def refuse(api: TestClient, body: dict[str, Any]) -> dict[str, str]:
    """Pointer and message of every finding; nothing may be queued."""
    headers = {"Content-Type": "application/json"}
    answer = api.post("/v1/jobs", content=json.dumps(body), headers=headers)
    assert answer.status_code == 422, answer.text
    assert api.get("/v1/jobs").json()["items"] == []
    return {error["pointer"]: error["message"] for error in answer.json()["errors"]}


@pytest.fixture(scope="module")
def asked(
    tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path
) -> Iterator[tuple[TestClient, dict[str, str]]]:
    """One API and one pair for all questions of a module that leave nothing behind."""
    folder = tmp_path_factory.mktemp("asked")
    shutil.copy(migrated_sqlite, folder / "prunery.db")
    with client_of(Settings(data_dir=folder, min_free_disk_bytes=0)) as client:
        yield client, make_pair(client, Worker(client.app.state.context))
