"""Jobs over HTTP: made, judged, and shown as they go."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.core.settings import Settings
from prunery.specs.errors import FieldError, of_fields
from prunery.specs.job import Status
from tests.integration.api import files
from tests.integration.api.conftest import client_of, start
from tests.integration.api.worker import DATA, Worker

SHARE = {"layer_fractions": {"a/b": 2}}
NO_PAST = {"start": "trained", "rewind": {"to": "initial"}}


def test_job_is_queued_with_its_whole_recipe(
    api: TestClient, pair: dict[str, str], tmp_path: Any
) -> None:
    recipe = {"preset": "article", "training": {"epochs": 2}}
    job = start(api, pair, name="my net", recipe=recipe)
    assert (job["status"], job["is_terminal"], job["queue_position"]) == ("queued", False, 1)
    assert job["name"] == "my net"
    assert job["recipe"]["preset"] == "article"
    assert job["recipe"]["training"]["epochs"] == 2
    assert job["recipe"]["training"]["retrain_epochs"] == 10
    assert list((tmp_path / "broker" / "messages").glob("*.cpu.msg"))
    assert api.get(f"/v1/jobs/{job['id']}").json() == job
    assert start(api, pair)["queue_position"] == 2


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"recipe": {"training": {"epochs": "many"}}}, "recipe_invalid", "/recipe/training/epochs"),
        ({"recipe": SHARE}, "recipe_invalid", "/recipe/layer_fractions/a~1b"),
        ({"recipe": {"protect": [1]}}, "recipe_invalid", "/recipe/protect/0"),
        ({"recipe": {"trainning": {}}}, "recipe_invalid", "/recipe/trainning"),
        ({"recipe": {"preset": "huge"}}, "preset_unknown", None),
        ({"recipe": {"exports": ["onnx"]}}, "not_available_yet", "/recipe/exports/0"),
        ({"recipe": NO_PAST}, "recipe_invalid", "/recipe/rewind/to"),
        ({"webhook": "https://example.org"}, "not_available_yet", "/webhook"),
        ({"deadline_seconds": 10**9}, "request_invalid", "/deadline_seconds"),
        ({"deadline_seconds": 0}, "request_invalid", "/deadline_seconds"),
        ({"colour": "red"}, "request_invalid", "/colour"),
        ({"dataset": None}, "request_invalid", "/dataset"),
    ],
)  # fmt: skip
def test_wrong_field_is_named(
    fields: dict[str, Any], code: str, pointer: str | None, api: TestClient, pair: dict[str, str]
) -> None:
    answer = api.post("/v1/jobs", json={**pair, **fields})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, code)
    if pointer is not None:
        assert pointer in [error["pointer"] for error in problem["errors"]]
    assert api.get("/v1/jobs").json()["items"] == []


@pytest.mark.parametrize("loss", [r'"a\u0000"', r'"\ud800"', "1e999", "NaN"])
def test_value_that_a_database_would_choke_on_is_named(
    loss: str, api: TestClient, pair: dict[str, str]
) -> None:
    body = json.dumps({**pair, "recipe": {"training": {"loss": "LOSS"}}})
    answer = api.post(
        "/v1/jobs",
        content=body.replace('"LOSS"', loss),
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert answer.json()["errors"][0]["pointer"] == "/recipe/training/loss"


def test_training_of_no_epochs_needs_no_data(api: TestClient, pair: dict[str, str]) -> None:
    job = start(api, {"model": pair["model"]}, recipe={"training": {"epochs": 0}})
    assert job["dataset"] is None


def test_missing_upload_is_named(api: TestClient, pair: dict[str, str]) -> None:
    stranger = "dst_" + "0" * 26
    answer = api.post("/v1/jobs", json={**pair, "dataset": stranger})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.json()["errors"][0]["pointer"] == "/dataset"


def test_data_that_do_not_fit_are_refused_with_the_array(
    api: TestClient, pair: dict[str, str], worker: Worker
) -> None:
    wide = DATA.arrays[0].model_copy(update={"shape": (60, 5)})
    wrong = DATA.model_copy(update={"arrays": (wide, *DATA.arrays[1:])})
    worker.pass_dataset(pair["dataset"], wrong)
    answer = api.post("/v1/jobs", json=pair)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "dataset_mismatch")
    assert any("5" in error["message"] and "4" in error["message"] for error in problem["errors"])


@pytest.mark.parametrize(
    ("found", "told"), [("/data/scale", "/recipe/data/scale"), ("/dataset/x", "/dataset/x")]
)
def test_a_failed_job_names_a_field_as_a_refused_request_does(
    found: str, told: str, api: TestClient, pair: dict[str, str], worker: Worker
) -> None:
    job = start(api, pair)
    error = of_fields([FieldError(pointer=found, message="Write something else.")])
    worker.move(job["id"], Status.FAILED, error=error.problem().model_dump(mode="json"))
    error = api.get(f"/v1/jobs/{job['id']}").json()["error"]
    assert [one["pointer"] for one in error["errors"]] == [told]


def test_job_waits_for_its_upload_to_be_checked(api: TestClient, worker: Worker) -> None:
    model = files.upload(api, "models", files.model(), "net.keras")["id"]
    dataset = files.upload(api, "datasets", files.dataset(), "d.npz")["id"]
    worker.pass_dataset(dataset)
    timer = threading.Timer(0.5, worker.pass_model, [model])
    timer.start()
    began = time.monotonic()
    job = start(api, {"model": model, "dataset": dataset})
    timer.join()
    assert job["status"] == "queued"
    assert 0.4 < time.monotonic() - began < 5


def test_upload_that_stays_unchecked_is_told(
    api: TestClient, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.endpoints.CHECK_SECONDS", 0.3)
    model = files.upload(api, "models", files.model(), "net.keras")["id"]
    recipe = {"training": {"epochs": 0}}
    answer = api.post("/v1/jobs", json={"model": model, "recipe": recipe})
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_not_ready")
    assert int(answer.headers["Retry-After"]) > 0


def test_unfinished_jobs_are_counted(settings: Settings) -> None:
    with client_of(settings.model_copy(update={"max_active_jobs": 1})) as api:
        worker = Worker(api.app.state.context)
        model = files.upload(api, "models", files.model(), "net.keras")["id"]
        worker.pass_model(model)
        body = {"model": model, "recipe": {"training": {"epochs": 0}}}
        first = start(api, body)
        second = api.post("/v1/jobs", json=body)
        assert (second.status_code, second.json()["code"]) == (429, "quota_exceeded")
        assert int(second.headers["Retry-After"]) > 0
        api.post(f"/v1/jobs/{first['id']}/cancel")
        start(api, body)


def test_answer_is_held_until_the_status_changes(
    api: TestClient, pair: dict[str, str], worker: Worker
) -> None:
    job = start(api, pair)["id"]
    timer = threading.Timer(0.4, worker.move, [job, Status.RUNNING])
    timer.start()
    began = time.monotonic()
    answer = api.get(f"/v1/jobs/{job}", headers={"Prefer": "wait=20"})
    timer.join()
    assert answer.json()["status"] == "running"
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert 0.3 < time.monotonic() - began < 5


def test_held_answer_comes_when_the_time_is_up(
    api: TestClient, pair: dict[str, str], worker: Worker
) -> None:
    job = start(api, pair)["id"]
    began = time.monotonic()
    worker.say(job, "progress", progress=0.1)
    answer = api.get(f"/v1/jobs/{job}", headers={"Prefer": "respond-async, wait=1"})
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
    assert 0.9 < time.monotonic() - began < 5


def test_jobs_are_compared_side_by_side(
    api: TestClient, pair: dict[str, str], worker: Worker
) -> None:
    one, two = start(api, pair, name="one")["id"], start(api, pair, name="two")["id"]
    worker.level(two, 0, chosen=True)
    found = api.get("/v1/comparisons", params={"job": [two, one]}).json()["items"]
    assert [item["job"]["name"] for item in found] == ["two", "one"]
    assert [len(item["levels"]) for item in found] == [1, 0]
    stranger = api.get("/v1/comparisons", params={"job": [one, "job_" + "0" * 26]})
    assert (stranger.status_code, stranger.json()["code"]) == (404, "not_found")


def test_jobs_can_be_asked_for_by_status(
    api: TestClient, pair: dict[str, str], worker: Worker
) -> None:
    one, two = start(api, pair)["id"], start(api, pair)["id"]
    worker.move(one, Status.FAILED)
    found = api.get("/v1/jobs", params={"status": "queued"}).json()["items"]
    assert [job["id"] for job in found] == [two]
    assert api.get("/v1/jobs", params={"status": "lost"}).json()["code"] == "request_invalid"


def test_a_name_may_hold_slashes_and_its_files_do_not(
    api: TestClient, pair: dict[str, str], worker: Worker
) -> None:
    job = start(api, pair, name="cats / dogs\u202e")
    assert job["name"] == "cats / dogs"
    worker.hand_over(job["id"], "model.keras", b"PK", "application/zip")
    worker.move(job["id"], Status.SUCCEEDED)
    file = api.get(f"/v1/jobs/{job['id']}/artifacts/model.keras")
    assert 'filename="cats - dogs-compact.keras"' in file.headers["content-disposition"]


def test_stage_lives_while_the_job_runs(
    api: TestClient, pair: dict[str, str], worker: Worker
) -> None:
    job = start(api, pair)["id"]
    worker.move(job, Status.RUNNING, stage="dense", eta_seconds=9.5)
    shown = api.get(f"/v1/jobs/{job}").json()
    assert (shown["stage"], shown["eta_seconds"]) == ("dense", 9.5)
    worker.move(job, Status.SUCCEEDED)
    shown = api.get(f"/v1/jobs/{job}").json()
    assert (shown["stage"], shown["eta_seconds"]) == (None, None)
