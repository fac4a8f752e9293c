"""Requests that come at the same time, on both databases: one wins, the other is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from httpx2 import Response
from pydantic import SecretStr
from starlette.testclient import TestClient

from app.core import migrate
from app.core.settings import Settings
from app.core.tables import LOCAL_OWNER
from tests.integration.api import files
from tests.integration.api.conftest import client_of
from tests.integration.api.worker import Worker
from worker.runner import claim

NO_TRAINING = {"training": {"epochs": 0}}


@pytest.fixture(params=["sqlite", "postgres"])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestClient]:
    """An API that allows one unfinished job, on each database."""
    url = f"sqlite:///{tmp_path / 'prunery.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("fresh_postgres_url")
    migrate.upgrade(url)
    settings = Settings(
        data_dir=tmp_path,
        database_url=SecretStr(url),
        min_free_disk_bytes=0,
        max_active_jobs=1,
    )
    with client_of(settings) as client:
        yield client


@pytest.fixture
def model(both: TestClient) -> str:
    """A model that is ready."""
    made = files.upload(both, "models", files.model(), "net.keras")
    Worker(both.app.state.context).pass_model(made["id"])  # type: ignore[attr-defined]
    return str(made["id"])


def at_once(count: int, call: Callable[[], Response]) -> list[Response]:
    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(call) for _ in range(count)]]


def test_limit_of_jobs_holds_for_requests_at_once(both: TestClient, model: str) -> None:
    body = {"model": model, "recipe": NO_TRAINING}
    answers = at_once(6, lambda: both.post("/v1/jobs", json=body))
    assert sorted(answer.status_code for answer in answers) == [202, 429, 429, 429, 429, 429]


def test_job_is_cancelled_once(both: TestClient, model: str) -> None:
    body = {"model": model, "recipe": NO_TRAINING}
    job = both.post("/v1/jobs", json=body).json()["id"]
    answers = at_once(4, lambda: both.post(f"/v1/jobs/{job}/cancel"))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
    events = both.get(f"/v1/jobs/{job}/events").json()["items"]
    assert [event["data"]["status"] for event in events] == ["queued", "cancelled"]


def test_cancelling_and_claiming_agree_on_what_happened(both: TestClient, model: str) -> None:
    context = both.app.state.context  # type: ignore[attr-defined]
    body = {"model": model, "recipe": NO_TRAINING}
    for _ in range(5):
        job = both.post("/v1/jobs", json=body).json()["id"]
        with ThreadPoolExecutor(2) as pool:
            cancelled = pool.submit(both.post, f"/v1/jobs/{job}/cancel")
            claimed = pool.submit(_claim, context, job)
            assert cancelled.result().status_code == 202
            got = claimed.result()
        status = both.get(f"/v1/jobs/{job}").json()["status"]
        assert status == ("cancelling" if got else "cancelled")
        if got:
            _let_go(context, job)


def _claim(context: object, job: str) -> bool:
    database = context.database  # type: ignore[attr-defined]
    with database.session() as session:
        return claim.claim_job(session, job, Settings(), "test") is not None


def _let_go(context: object, job: str) -> None:
    from prunery.specs.job import Status

    Worker(context).move(job, Status.CANCELLED)  # type: ignore[arg-type]


def test_upload_is_not_deleted_under_a_job_that_is_being_made(both: TestClient, model: str) -> None:
    body = {"model": model, "recipe": NO_TRAINING}
    with ThreadPoolExecutor(2) as pool:
        made = pool.submit(both.post, "/v1/jobs", json=body)
        deleted = pool.submit(both.delete, f"/v1/models/{model}")
        outcome = (made.result().status_code, deleted.result().status_code)
    assert outcome in {(202, 409), (404, 204)}


def test_same_upload_at_once_is_kept_whole(both: TestClient) -> None:
    content = files.dataset()
    answers = at_once(
        4,
        lambda: both.post("/v1/datasets?filename=d.npz", content=content, headers=files.OCTETS),
    )
    assert {answer.status_code for answer in answers} == {201}
    context = both.app.state.context  # type: ignore[attr-defined]
    for answer in answers:
        key = f"datasets/{answer.json()['id']}"
        assert context.storage.read(key) == content
    assert LOCAL_OWNER not in answers[0].text
