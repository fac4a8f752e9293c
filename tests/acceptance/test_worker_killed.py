"""Kill the worker in mid-job, twice: with no one doing anything, the job goes on and succeeds."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from examples import article_model, service
from prunery.client import Client
from prunery.specs.job import JobView
from tests.services.processes import children, commands

pytestmark = pytest.mark.slow
RECIPE: dict[str, Any] = {
    "preset": "article",
    "controls": [],
    "schedule": {"kind": "iterative", "rounds": 2, "pruning_fraction": 0.2},
    "training": {"epochs": 20, "retrain_epochs": 20, "loop": "graph"},
}


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("PRUNERY_ENGINE_THREADS", "1")
    with service.running(tmp_path / "data", tmp_path / "log") as url:
        yield url


def test_a_job_survives_two_kills_of_its_worker(
    url: str, tmp_path: Path, small_fashion: Path
) -> None:
    with Client(url) as client:
        model = client.upload_model(article_model.FILE)
        data = client.upload_dataset(small_fashion)
        job = client.create_job(model.id, data.id, recipe=RECIPE)
        for attempt, level in ((1, 0), (2, 1)):
            wait_for_level(client, job.id, level, attempt)
            kill_worker(tmp_path / "data")
        done = wait_until_final(client, job.id)
        assert done.error is None
        assert (done.status, done.attempt) == ("succeeded", 3)
        told = [event for event in client.events(job.id) if event.type == "level"]
        assert [event.data["level"] for event in told] == [0, 1, 2]
        assert {"model.keras", "report.html", "all.zip"} <= {a.name for a in done.artifacts}
    assert "Traceback" not in (tmp_path / "log").read_text()


def wait_for_level(
    client: Client, job_id: str, level: int, attempt: int, seconds: float = 120
) -> None:
    """Until a worker is at that attempt (the last one may have made the level) and it is there."""
    deadline = time.monotonic() + seconds
    while (job := client.job(job_id)).attempt < attempt or level not in [
        found.level for found in client.levels(job_id)
    ]:
        assert not job.is_terminal, job.error
        assert time.monotonic() < deadline, f"level {level} did not come: {job}"
        time.sleep(0.1)


def wait_until_final(client: Client, job_id: str, seconds: float = 180) -> JobView:
    deadline = time.monotonic() + seconds
    while not (job := client.job(job_id)).is_terminal:
        assert time.monotonic() < deadline, f"the job did not go on: {job}"
        time.sleep(0.2)
    return job


def kill_worker(data: Path) -> None:
    """SIGKILL the job worker of the service that keeps its data there."""
    (server,) = [process for process, command in commands().items() if str(data) in command]
    (worker,) = [
        process
        for process, command in children(server).items()
        if command[-3:] == ["work", "--queues", "cpu"]
    ]
    os.kill(worker, signal.SIGKILL)
