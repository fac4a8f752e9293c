"""Jobs that are stopped, paused, retried and chosen from over HTTP."""

from __future__ import annotations

from starlette.testclient import TestClient

from prunery.specs.job import Status
from tests.integration.api.conftest import start
from tests.integration.api.worker import Worker


def test_upload_in_use_stays(api: TestClient, pair: dict[str, str]) -> None:
    job = start(api, pair)
    refused = api.delete(f"/v1/models/{pair['model']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    api.post(f"/v1/jobs/{job['id']}/cancel")
    assert api.delete(f"/v1/models/{pair['model']}").status_code == 204
    assert api.get(f"/v1/jobs/{job['id']}").json()["model"] == pair["model"]
    retried = api.post(f"/v1/jobs/{job['id']}/retry")
    assert (retried.status_code, retried.json()["code"]) == (410, "gone")


def test_waiting_job_is_cancelled_at_once(api: TestClient, pair: dict[str, str]) -> None:
    job = start(api, pair)
    answer = api.post(f"/v1/jobs/{job['id']}/cancel")
    assert answer.status_code == 202
    assert (answer.json()["status"], answer.json()["is_terminal"]) == ("cancelled", True)
    assert answer.json()["finished_at"] is not None
    again = api.post(f"/v1/jobs/{job['id']}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "transition_impossible")
    events = api.get(f"/v1/jobs/{job['id']}/events").json()["items"]
    assert [event["data"]["status"] for event in events] == ["queued", "cancelled"]


def test_running_job_is_asked_to_stop(
    api: TestClient, pair: dict[str, str], worker: Worker
) -> None:
    job = start(api, pair)["id"]
    worker.move(job, Status.RUNNING)
    assert api.post(f"/v1/jobs/{job}/cancel").json()["status"] == "cancelling"
    assert api.post(f"/v1/jobs/{job}/cancel").status_code == 202


def test_finish_needs_a_level_to_pack(
    api: TestClient, pair: dict[str, str], worker: Worker
) -> None:
    job = start(api, pair)["id"]
    for _ in ("queued", "running"):
        refused = api.post(f"/v1/jobs/{job}/finish")
        assert (refused.status_code, refused.json()["code"]) == (409, "transition_impossible")
        worker.move(job, Status.RUNNING)
    worker.level(job, 0)
    assert api.post(f"/v1/jobs/{job}/finish").status_code == 202


def test_paused_job_is_resumed(api: TestClient, pair: dict[str, str], worker: Worker) -> None:
    job = start(api, pair)["id"]
    assert api.post(f"/v1/jobs/{job}/resume").status_code == 409
    worker.move(job, Status.RUNNING)
    assert api.post(f"/v1/jobs/{job}/pause").status_code == 202
    worker.move(job, Status.PAUSED)
    assert api.post(f"/v1/jobs/{job}/resume").json()["status"] == "queued"


def test_retry_makes_a_new_job_that_names_the_old_one(
    api: TestClient, pair: dict[str, str], worker: Worker
) -> None:
    job = start(api, pair, name="first", recipe={"seed": 3})["id"]
    assert api.post(f"/v1/jobs/{job}/retry").status_code == 409
    worker.move(job, Status.FAILED)
    new = api.post(f"/v1/jobs/{job}/retry").json()
    assert (new["parent"], new["status"], new["name"]) == (job, "queued", "first")
    assert new["recipe"]["seed"] == 3


def test_another_level_is_chosen_by_a_job_of_its_own(
    api: TestClient, pair: dict[str, str], worker: Worker
) -> None:
    job = start(api, pair)["id"]
    assert api.post(f"/v1/jobs/{job}/levels/0/choose").status_code == 409
    worker.move(job, Status.RUNNING)
    worker.level(job, 0)
    worker.level(job, 1, chosen=True)
    worker.move(job, Status.SUCCEEDED)
    levels = api.get(f"/v1/jobs/{job}/levels").json()["items"]
    assert [(level["level"], level["chosen"]) for level in levels] == [(0, False), (1, True)]
    assert api.post(f"/v1/jobs/{job}/levels/5/choose").status_code == 404
    chosen = api.post(f"/v1/jobs/{job}/levels/0/choose")
    assert (chosen.status_code, chosen.json()["parent"]) == (202, job)
