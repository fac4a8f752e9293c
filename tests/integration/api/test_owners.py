"""Somebody else's object is a 404, on every route there is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient

from app.accounts import service as accounts
from app.core.settings import Settings
from app.core.tables import LOCAL_OWNER
from prunery.specs.job import Status
from tests.integration.api import files
from tests.integration.api.conftest import client_of
from tests.integration.api.worker import Worker

PUBLIC = {"/healthz", "/readyz", "/docs", "/openapi.json"}


@pytest.fixture
def locked(settings: Settings) -> Iterator[TestClient]:
    """An API that asks for keys."""
    with client_of(settings.model_copy(update={"auth": "on"})) as client:
        yield client


def key_for(client: TestClient, owner_id: str | None = None) -> dict[str, str]:
    with client.app.state.context.database.session() as session:  # type: ignore[attr-defined]
        owner_id = owner_id or accounts.create_owner(session, "somebody")
        _, key = accounts.create_key(session, owner_id, "test")
    return {"Authorization": f"Bearer {key}"}


def routes(client: TestClient) -> list[tuple[str, str]]:
    """Method and pattern of every API route."""
    app = client.app
    assert isinstance(app, FastAPI)
    found = [
        (method, route.path)
        for route in iter_route_contexts(app.routes)
        for method in sorted(route.methods or ())
        if route.path is not None and method != "HEAD"
    ]
    return [(m, path) for m, path in found if path.startswith("/v1/") or path in PUBLIC]


def objects(client: TestClient, mine: dict[str, str]) -> dict[str, str]:
    """One object of each kind, with everything that a finished job has."""
    worker = Worker(client.app.state.context)  # type: ignore[attr-defined]
    model = client.post(
        "/v1/models?filename=a.keras", content=files.model(), headers={**files.OCTETS, **mine}
    ).json()["id"]
    dataset = client.post(
        "/v1/datasets?filename=a.npz", content=files.dataset(), headers={**files.OCTETS, **mine}
    ).json()["id"]
    worker.pass_model(model)
    worker.pass_dataset(dataset)
    body = {"model": model, "dataset": dataset}
    job = client.post("/v1/jobs", json=body, headers=mine).json()["id"]
    worker.move(job, Status.RUNNING)
    worker.level(job, 0, chosen=True)
    for name in ("model.keras", "report.json", "report.html"):
        worker.hand_over(job, name, b"{}", "application/json")
    worker.move(job, Status.SUCCEEDED)
    return {"{model_id}": model, "{dataset_id}": dataset, "{job_id}": job}


def fill(path: str, known: dict[str, str]) -> str:
    values = {
        **known,
        "{level}": "0",
        "{name:path}": "model.keras",
        "{rest:path}": "x",
        "{check_id}": "x",
    }
    for placeholder, value in values.items():
        path = path.replace(placeholder, value)
    assert "{" not in path, f"the test does not know how to fill {path}"
    return path


def test_every_route_hides_what_is_somebody_elses(locked: TestClient) -> None:
    mine, theirs = key_for(locked, LOCAL_OWNER), key_for(locked)
    known = objects(locked, mine)
    tried = 0
    for method, pattern in routes(locked):
        if not any(placeholder in pattern for placeholder in known):
            continue
        answer = locked.request(method, fill(pattern, known), headers=theirs)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, pattern)
        tried += 1
    assert tried >= 17
    pair = {"job": [known["{job_id}"]] * 2}
    assert locked.get("/v1/comparisons", params=pair, headers=theirs).status_code == 404
    for placeholder, kind in (("{model_id}", "models"), ("{job_id}", "jobs")):
        assert locked.get(f"/v1/{kind}", headers=theirs).json()["items"] == []
        path = f"/v1/{kind}/{known[placeholder]}"
        assert locked.get(path, headers=mine).status_code == 200


def test_job_cannot_be_made_on_somebody_elses_uploads(locked: TestClient) -> None:
    mine, theirs = key_for(locked, LOCAL_OWNER), key_for(locked)
    known = objects(locked, mine)
    body = {"model": known["{model_id}"], "dataset": known["{dataset_id}"]}
    answer = locked.post("/v1/jobs", json=body, headers=theirs)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_same_bytes_of_two_owners_are_two_uploads(locked: TestClient) -> None:
    mine, theirs = key_for(locked, LOCAL_OWNER), key_for(locked)
    ids = {
        locked.post(
            "/v1/models?filename=a.keras", content=files.model(), headers={**files.OCTETS, **key}
        ).json()["id"]
        for key in (mine, theirs)
    }
    assert len(ids) == 2


def test_every_route_but_the_public_ones_asks_for_a_key(locked: TestClient) -> None:
    filled = {"{model_id}": "m", "{dataset_id}": "d", "{job_id}": "j"}
    for method, pattern in routes(locked):
        if pattern in PUBLIC:
            continue
        answer = locked.request(method, fill(pattern, filled))
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), pattern
    assert locked.get("/metrics").status_code == 401
    assert locked.get("/healthz").status_code == 200
