"""What a job tells and hands over."""

from __future__ import annotations

import base64
import hashlib
import threading
import time

import pytest
from starlette.testclient import TestClient

from app.core import clock
from prunery.specs.job import Status
from tests.integration.api import files
from tests.integration.api.worker import Worker

CONTENT = bytes(range(256)) * 40
REPORT = b"<!doctype html><style>h1{color:red}</style><h1>Report</h1>"


@pytest.fixture
def job(api: TestClient, worker: Worker) -> str:
    """A queued job."""
    model = files.upload(api, "models", files.model(), "net.keras")["id"]
    worker.pass_model(model)
    body = {"model": model, "name": "Мой net.keras", "recipe": {"training": {"epochs": 0}}}
    return str(api.post("/v1/jobs", json=body).json()["id"])


@pytest.fixture
def done(job: str, worker: Worker) -> str:
    """A succeeded job with files."""
    worker.move(job, Status.RUNNING)
    worker.hand_over(job, "model.keras", CONTENT, "application/octet-stream")
    worker.hand_over(job, "levels/1/model.keras", CONTENT[:100], "application/octet-stream")
    worker.hand_over(job, "report.json", b'{"format": 1}', "application/json")
    worker.hand_over(job, "report.html", REPORT, "text/html")
    worker.move(job, Status.SUCCEEDED)
    return job


def test_file_comes_whole_with_name_and_checksum(api: TestClient, done: str) -> None:
    answer = api.get(f"/v1/jobs/{done}/artifacts/model.keras")
    digest = hashlib.sha256(CONTENT)
    assert answer.content == CONTENT
    encoded = base64.b64encode(digest.digest()).decode()
    assert answer.headers["Repr-Digest"] == f"sha-256=:{encoded}:"
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith('attachment; filename="___ net-compact.keras"; filename*=UTF-8')
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    named = {item["name"]: item for item in api.get(f"/v1/jobs/{done}").json()["artifacts"]}
    assert named["model.keras"]["sha256"] == digest.hexdigest()
    assert api.get(f"/v1/jobs/{done}/artifacts/levels/1/model.keras").content == CONTENT[:100]


@pytest.mark.parametrize(
    ("header", "status", "start", "end"),
    [
        ("bytes=0-9", 206, 0, 10),
        ("bytes=100-", 206, 100, len(CONTENT)),
        ("bytes=-7", 206, len(CONTENT) - 7, len(CONTENT)),
        ("bytes=5-999999", 206, 5, len(CONTENT)),
        ("bytes=9-5", 200, 0, len(CONTENT)),
        ("bytes=0-1,5-6", 200, 0, len(CONTENT)),
        ("lines=1-2", 200, 0, len(CONTENT)),
    ],
)
def test_part_of_a_file(
    header: str, status: int, start: int, end: int, api: TestClient, done: str
) -> None:
    answer = api.get(f"/v1/jobs/{done}/artifacts/model.keras", headers={"Range": header})
    assert (answer.status_code, answer.content) == (status, CONTENT[start:end])
    if status == 206:
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"


def test_range_beyond_the_end_is_told(api: TestClient, done: str) -> None:
    path = f"/v1/jobs/{done}/artifacts/model.keras"
    answer = api.get(path, headers={"Range": f"bytes={len(CONTENT)}-"})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


def test_range_of_another_version_gets_the_whole(api: TestClient, done: str) -> None:
    path = f"/v1/jobs/{done}/artifacts/model.keras"
    tag = api.get(path).headers["ETag"]
    part = {"Range": "bytes=0-9"}
    assert api.get(path, headers={**part, "If-Range": tag}).status_code == 206
    assert api.get(path, headers={**part, "If-Range": '"old"'}).status_code == 200
    assert api.get(path, headers={"If-None-Match": tag}).status_code == 304


def test_head_of_a_file_has_no_body(api: TestClient, done: str) -> None:
    answer = api.head(f"/v1/jobs/{done}/artifacts/model.keras")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(CONTENT))


def test_file_that_is_not_there_yet_never_or_no_longer(
    api: TestClient, job: str, worker: Worker
) -> None:
    path = f"/v1/jobs/{job}/artifacts/model.keras"
    early = api.get(path)
    assert (early.status_code, early.json()["code"]) == (409, "conflict")
    worker.move(job, Status.FAILED)
    assert api.get(path).status_code == 404
    worker.hand_over(job, "model.keras", CONTENT, "application/octet-stream")
    worker.move(job, Status.FAILED, deleted_at=clock.now())
    gone = api.get(path)
    assert (gone.status_code, gone.json()["code"]) == (410, "gone")
    assert api.get(f"/v1/jobs/{job}").json()["artifacts"] == []


@pytest.mark.parametrize(
    "name", ["../../prunery.db", "..%2f..%2fprunery.db", "/etc/passwd", "a%00b"]
)
def test_names_that_are_no_artifacts_are_not_found(name: str, api: TestClient, done: str) -> None:
    answer = api.get(f"/v1/jobs/{done}/artifacts/{name}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_report_is_json_or_a_page(api: TestClient, done: str) -> None:
    path = f"/v1/jobs/{done}/report"
    assert api.get(path).json() == {"format": 1}
    assert api.get(path, headers={"Accept": "application/json, text/html"}).json() == {"format": 1}
    for page in (api.get(path, headers={"Accept": "text/html,*/*"}), api.get(f"{path}.html")):
        assert page.content == REPORT
        assert page.headers["content-type"].startswith("text/html")
        style = base64.b64encode(hashlib.sha256(b"h1{color:red}").digest()).decode()
        assert f"style-src 'sha256-{style}'" in page.headers["Content-Security-Policy"]
        assert "script-src" not in page.headers["Content-Security-Policy"]
    tag = api.get(path).headers["ETag"]
    assert api.get(path, headers={"If-None-Match": tag}).status_code == 304


def test_events_are_numbered_and_paged(api: TestClient, job: str, worker: Worker) -> None:
    worker.move(job, Status.RUNNING)
    worker.say(job, "progress", progress=0.5)
    first = api.get(f"/v1/jobs/{job}/events", params={"limit": 2}).json()
    assert [(event["id"], event["type"]) for event in first["items"]] == [
        (1, "status"),
        (2, "status"),
    ]
    rest = api.get(f"/v1/jobs/{job}/events", params={"after": first["next"]}).json()
    assert [event["data"] for event in rest["items"]] == [{"progress": 0.5}]


def test_stream_tells_what_happens_and_ends_with_the_job(
    api: TestClient, job: str, worker: Worker
) -> None:
    def live() -> None:
        worker.move(job, Status.RUNNING)
        for share in (0.25, 0.5):
            time.sleep(0.2)
            worker.say(job, "progress", progress=share)
        worker.move(job, Status.SUCCEEDED)

    timer = threading.Timer(0.3, live)
    timer.start()
    answer = api.get(f"/v1/jobs/{job}/events", headers={"Accept": "text/event-stream"})
    timer.join()
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = parse(answer.text)
    assert [event["id"] for event in events] == ["1", "2", "3", "4", "5"]
    assert [event["event"] for event in events] == [
        "status",
        "status",
        "progress",
        "progress",
        "status",
    ]
    assert '"is_terminal":true' in events[-1]["data"]


def test_stream_goes_on_where_it_was_cut(api: TestClient, done: str) -> None:
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "2"}
    answer = api.get(f"/v1/jobs/{done}/events", headers=headers)
    assert [event["id"] for event in parse(answer.text)] == ["3"]
    headers["Last-Event-ID"] = "3"
    assert api.get(f"/v1/jobs/{done}/events", headers=headers).status_code == 204


def parse(text: str) -> list[dict[str, str]]:
    """Events of a stream, without its comments."""
    blocks = [dict(line.split(": ", 1) for line in block.split("\n") if line[:1] not in ("", ":"))
              for block in text.split("\n\n")]  # fmt: skip
    return [block for block in blocks if "id" in block]
