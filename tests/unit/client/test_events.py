"""Following a job: by events that are resumed, and by the job itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from prunery.client import Client
from prunery.specs.errors import PruneryError
from prunery.specs.presets import resolve
from tests.unit.client.rude_server import Answer, serving


def _job(status: str, **fields: Any) -> Answer:
    job = {
        "id": "job_1",
        "name": "net",
        "model": "mdl_1",
        "status": status,
        "is_terminal": status in {"succeeded", "failed"},
        "recipe": resolve().model_dump(mode="json"),
        "created_at": "2026-11-24T12:00:00Z",
        **fields,
    }
    return Answer(body=json.dumps(job).encode(), headers={"ETag": f'"{status}"'})


def _events(*lines: str) -> Answer:
    body = "".join(f"{line}\n" for line in lines).encode()
    return Answer(body=body, headers={"Content-Type": "text/event-stream"})


def test_events_are_resumed_after_the_last_one_seen() -> None:
    first = _events("id: 1", "event: stage", 'data: {"stage": "dense"}', "")
    second = _events(": still here", "", "id: 2", "event: status", 'data: {"to": "succeeded"}', "")
    with (
        serving(first, _job("running"), second, _job("succeeded")) as server,
        Client(server.url) as client,
    ):
        found = list(client.events("job_1"))
        asked = server.received
    assert [(event.id, event.type) for event in found] == [("1", "stage"), ("2", "status")]
    assert found[0].data == {"stage": "dense"}
    assert "Last-Event-ID" not in asked[0].headers
    assert asked[2].headers["Last-Event-ID"] == "1"


def test_events_of_an_unknown_job_raise_its_problem() -> None:
    problem = {
        "type": "urn:prunery:problem:not_found",
        "title": "t",
        "status": 404,
        "detail": "no such job",
        "code": "not_found",
        "hint": "h",
    }
    missing = Answer(404, json.dumps(problem).encode())
    with (
        serving(missing, missing) as server,
        Client(server.url) as client,
        pytest.raises(PruneryError, match="no such job"),
    ):
        list(client.events("job_2"))


def test_watching_yields_changes_only_and_ends_with_the_job() -> None:
    answers = [
        _job("queued"),
        Answer(304, b""),
        _job("running", progress=0.5),
        _job("succeeded"),
    ]
    with serving(*answers) as server, Client(server.url) as client:
        seen = [job.status for job in client.watch("job_1", poll_seconds=0)]
        assert server.received[1].headers["If-None-Match"] == '"queued"'
    assert seen == ["queued", "running", "succeeded"]


def test_waiting_is_left_to_the_server_and_stops_in_time() -> None:
    with serving(_job("running"), _job("failed")) as server, Client(server.url) as client:
        assert client.wait("job_1").status == "failed"
        assert server.received[0].headers["Prefer"] == "wait=30"
    with serving(_job("running")) as server, Client(server.url) as client:
        assert client.wait("job_1", timeout_seconds=0).status == "running"


def test_jobs_are_listed_over_all_pages() -> None:
    page = {"items": [json.loads(_job("running").body)], "next": "cursor"}
    last = {"items": [json.loads(_job("failed").body)], "next": None}
    answers = [Answer(body=json.dumps(content).encode()) for content in (page, last)]
    with serving(*answers) as server, Client(server.url) as client:
        assert [job.status for job in client.jobs()] == ["running", "failed"]
        assert server.received[1].path == "/v1/jobs?after=cursor"
