"""Production as its parts: Postgres, Redis, migration, API with keys, a worker in its sandbox."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from examples import article_model

pytestmark = [pytest.mark.services, pytest.mark.slow]
RECIPE = {
    "preset": "article",
    "controls": [],
    "training": {"epochs": 1, "retrain_epochs": 1},
}


@pytest.fixture
def environment(tmp_path: Path, fresh_postgres_url: str, fresh_redis_url: str) -> dict[str, str]:
    return {
        **os.environ,
        "PRUNERY_MODE": "production",
        "PRUNERY_DATABASE_URL": fresh_postgres_url,
        "PRUNERY_BROKER_URL": fresh_redis_url,
        "PRUNERY_DATA_DIR": str(tmp_path / "data"),
        "PRUNERY_HEARTBEAT_SECONDS": "1",
        "PRUNERY_REAP_SECONDS": "1",
        "PRUNERY_LEASE_SECONDS": "5",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
    }


@pytest.fixture
def client(environment: dict[str, str], tmp_path: Path) -> Iterator[httpx2.Client]:
    """A client with a key that the operator made."""
    _prunery(environment, "migrate")
    key = _prunery(environment, "keys", "create", "the shop").strip()
    with ExitStack() as stack:
        bound = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        bound.set_inheritable(True)
        api = ["-m", "app.serve", "--fd", str(bound.fileno())]
        stack.enter_context(_Running(environment, api, tmp_path / "api.log", [bound.fileno()]))
        work = ["-m", "prunery", "work"]
        stack.enter_context(_Running(environment, work, tmp_path / "worker.log"))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        headers = {"Authorization": f"Bearer {key}"}
        with httpx2.Client(base_url=url, headers=headers, timeout=90) as made:
            _ready(made, tmp_path)
            yield made


def test_job_runs_on_postgres_and_redis(client: httpx2.Client, small_fashion: Path) -> None:
    assert httpx2.get(client.base_url.join("/v1/jobs")).status_code == 401
    model = _upload(client, "models", article_model.FILE)
    dataset = _upload(client, "datasets", small_fashion)
    body = {"model": model["id"], "dataset": dataset["id"], "recipe": RECIPE}
    job = client.post("/v1/jobs", json=body).raise_for_status().json()
    events = list(_events(client, job["id"]))
    assert events[-1]["data"] == {**events[-1]["data"], "status": "succeeded"}
    assert {"stage", "progress", "level"} <= {event["type"] for event in events}
    shares = [event["data"]["progress"] for event in events if event["type"] == "progress"]
    assert shares == sorted(shares)

    job = client.get(f"/v1/jobs/{job['id']}").json()
    names = {item["name"] for item in job["artifacts"]}
    assert {"model.keras", "masked.keras", "certificate.json", "report.json", "all.zip"} <= names
    for item in job["artifacts"]:
        answer = client.get(f"/v1/jobs/{job['id']}/artifacts/{item['name']}")
        digest = hashlib.sha256(answer.content)
        assert digest.hexdigest() == item["sha256"]
        encoded = base64.b64encode(digest.digest()).decode()
        assert answer.headers["Repr-Digest"] == f"sha-256=:{encoded}:"
    report = client.get(f"/v1/jobs/{job['id']}/report").json()
    assert report["compact"]["parameters"] < report["dense"]["parameters"]
    page = client.get(f"/v1/jobs/{job['id']}/report.html")
    assert page.headers["content-type"].startswith("text/html")
    levels = client.get(f"/v1/jobs/{job['id']}/levels").json()["items"]
    assert [level["level"] for level in levels] == [0, 1]


def _upload(client: httpx2.Client, kind: str, path: Path) -> dict[str, Any]:
    answer = client.post(
        f"/v1/{kind}",
        params={"filename": path.name},
        content=path.read_bytes(),
        headers={"Content-Type": "application/octet-stream", "Prefer": "wait=60"},
    )
    found: dict[str, Any] = answer.raise_for_status().json()
    assert found["status"] == "ready", found
    return found


def _events(client: httpx2.Client, job: str) -> Iterator[dict[str, Any]]:
    headers = {"Accept": "text/event-stream"}
    with client.stream("GET", f"/v1/jobs/{job}/events", headers=headers) as stream:
        for event in httpx2.EventSource(stream):
            if event.data:
                yield {"type": event.event, "data": json.loads(event.data)}


def _prunery(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "prunery", *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class _Running:
    def __init__(
        self, environment: dict[str, str], arguments: list[str], log: Path, fds: Any = ()
    ) -> None:
        self._log = log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            env=environment,
            stdout=self._log,
            stderr=self._log,
            pass_fds=fds,
        )

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def _ready(client: httpx2.Client, folder: Path) -> None:
    """Wait until API and worker are there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(httpx2.TransportError):
            answer = client.get("/readyz")
            if answer.is_success and answer.json()["workers"] == {"checks": 1, "cpu": 1}:
                return
        time.sleep(0.2)
    raise AssertionError((folder / "api.log").read_text() + (folder / "worker.log").read_text())
