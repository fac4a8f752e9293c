"""What can be known of a pair before a job is made."""

from __future__ import annotations

import threading
from datetime import timedelta

from starlette.testclient import TestClient

from app.core import clock
from prunery.specs.job import Status
from tests.integration.api import files
from tests.integration.api.worker import DATA, Worker


def pair(api: TestClient, worker: Worker) -> dict[str, str]:
    model = files.upload(api, "models", files.model(), "net.keras")["id"]
    dataset = files.upload(api, "datasets", files.dataset(), "d.npz")["id"]
    worker.pass_dataset(dataset)
    return {"model": model, "dataset": dataset}


def test_pair_that_fits_is_described(api: TestClient, worker: Worker) -> None:
    body = pair(api, worker)
    worker.pass_model(body["model"])
    answer = api.post("/v1/checks", json=body)
    found = answer.json()
    assert (answer.status_code, found["status"], found["fits"]) == (200, "done", True)
    assert found["recipe"]["preset"] == "balanced"
    assert found["prunability"]["prunable_parameters"] == 64
    assert found["test_examples"] == 6
    assert 0.23 < found["smallest_difference"] < 0.25
    taken = {decision["field"]: decision["chosen"] for decision in found["decisions"]}
    assert taken["test_fraction"] == "0.1 of the examples, by seed 0"
    assert api.get("/v1/jobs").json()["items"] == []


def test_check_tells_the_time_by_what_jobs_took_here(api: TestClient, worker: Worker) -> None:
    body = pair(api, worker)
    worker.pass_model(body["model"])

    def told() -> dict[str, float]:
        return api.post("/v1/checks", json=body).json()["duration"]

    before = told()
    assert 0 < before["least_seconds"] < before["most_seconds"] < 600
    assert before["measured_jobs"] == 0
    for _ in range(3):
        job = api.post("/v1/jobs", json=body).json()["id"]
        worker.move(job, Status.RUNNING)
        worker.move(job, Status.SUCCEEDED, started_at=clock.now() - timedelta(hours=1))
    after = told()
    assert after["measured_jobs"] == 3
    assert after["least_seconds"] < 3600 < after["most_seconds"]


def test_check_says_what_the_job_would_be_refused_for(api: TestClient, worker: Worker) -> None:
    body = pair(api, worker)
    worker.pass_model(body["model"])
    wide = DATA.arrays[0].model_copy(update={"shape": (60, 5)})
    worker.pass_dataset(
        body["dataset"], DATA.model_copy(update={"arrays": (wide, *DATA.arrays[1:])})
    )
    for asked in (body, {**body, "recipe": {"trainning": {}}}):
        found = api.post("/v1/checks", json=asked).json()
        refused = api.post("/v1/jobs", json=asked).json()
        assert found["fits"] is False
        for part in ("code", "status", "detail", "hint", "errors"):
            assert found["problem"][part] == refused[part]


def test_check_of_unchecked_files_is_asked_again_or_waited_for(
    api: TestClient, worker: Worker
) -> None:
    body = pair(api, worker)
    early = api.post("/v1/checks", json=body)
    assert (early.status_code, early.json()["status"]) == (202, "checking")
    assert early.json()["fits"] is None
    assert int(early.headers["Retry-After"]) > 0
    timer = threading.Timer(0.3, worker.pass_model, [body["model"]])
    timer.start()
    waited = api.post("/v1/checks", json=body, headers={"Prefer": "wait=20"})
    timer.join()
    assert (waited.status_code, waited.json()["fits"]) == (200, True)
