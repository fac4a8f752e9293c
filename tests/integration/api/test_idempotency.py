"""A POST that is sent again under its key is not done again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from app.answers import service
from app.core import clock
from app.core.tables import LOCAL_OWNER, KeptAnswerTable
from tests.integration.api import files
from tests.integration.api.worker import Worker

KEY = {"Idempotency-Key": "order-4711"}


@pytest.fixture
def body(api: TestClient, worker: Worker) -> dict[str, Any]:
    """A job request that can be accepted."""
    model = files.upload(api, "models", files.model(), "net.keras")["id"]
    worker.pass_model(model)
    return {"model": model, "recipe": {"training": {"epochs": 0}}}


def post(api: TestClient, body: Any, headers: Any = KEY) -> Response:
    return api.post("/v1/jobs", json=body, headers=headers)


def jobs(api: TestClient) -> list[Any]:
    found: list[Any] = api.get("/v1/jobs").json()["items"]
    return found


def test_same_key_and_body_get_the_first_answer(api: TestClient, body: Any) -> None:
    first, again = post(api, body), post(api, body)
    assert first.status_code == again.status_code == 202
    assert again.content == first.content
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert len(jobs(api)) == 1
    assert post(api, body, {"Idempotency-Key": "order-4712"}).json()["id"] != first.json()["id"]


def test_same_key_for_another_request_is_refused(api: TestClient, body: Any) -> None:
    job = post(api, body).json()["id"]
    for answer in (
        post(api, {**body, "name": "other"}),
        api.post(f"/v1/jobs/{job}/cancel", headers=KEY),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert [one["status"] for one in jobs(api)] == ["queued"]


def test_steering_is_replayed_too(api: TestClient, body: Any) -> None:
    job = post(api, body, {}).json()["id"]
    answers = [api.post(f"/v1/jobs/{job}/cancel", headers=KEY) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert api.post(f"/v1/jobs/{job}/cancel").status_code == 409


def test_refusal_is_not_kept(api: TestClient, body: Any) -> None:
    wrong = {**body, "model": "mdl_" + "0" * 26}
    assert post(api, wrong).status_code == 404
    assert post(api, body).status_code == 202


def test_request_that_is_worked_on_is_not_started_again(api: TestClient, body: Any) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: post(api, body), range(6)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 202}) == 1
    assert len(jobs(api)) == 1


def test_key_of_a_process_that_died_is_free_again(api: TestClient, body: Any) -> None:
    database = api.app.state.context.database  # type: ignore[attr-defined]
    with database.session() as session:
        session.add(
            KeptAnswerTable(
                owner_id=LOCAL_OWNER,
                key=KEY["Idempotency-Key"],
                request_sha256="0" * 64,
                created_at=clock.now() - service.LONGEST - timedelta(seconds=1),
            )
        )
    assert post(api, body).status_code == 202


def test_answer_is_forgotten_after_a_day(api: TestClient, body: Any) -> None:
    first = post(api, body).json()["id"]
    database = api.app.state.context.database  # type: ignore[attr-defined]
    with database.session() as session:
        row = session.get_one(KeptAnswerTable, (LOCAL_OWNER, KEY["Idempotency-Key"]))
        row.created_at = clock.now() - service.KEPT - timedelta(seconds=1)
    assert post(api, body).json()["id"] != first
