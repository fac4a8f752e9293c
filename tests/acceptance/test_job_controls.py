"""Pause, resume, finish early, choose another level, cancel: with the real engine, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from examples import article_model
from prunery.client import Client
from prunery.specs.job import JobView
from tests.services.processes import wait_for

pytestmark = pytest.mark.slow
RECIPE: dict[str, Any] = {
    "preset": "article",
    "controls": [],
    "schedule": {"kind": "iterative", "rounds": 9, "pruning_fraction": 0.2},
    "training": {"epochs": 30, "retrain_epochs": 3000, "loop": "graph"},
}


@pytest.fixture
def client(service_url: str) -> Iterator[Client]:
    with Client(service_url) as made:
        yield made


def start(client: Client, data: Path) -> JobView:
    model = client.upload_model(article_model.FILE)
    dataset = client.upload_dataset(data)
    return client.create_job(model.id, dataset.id, recipe=RECIPE)


def test_a_job_is_paused_resumed_finished_and_another_level_chosen(
    client: Client, small_fashion: Path
) -> None:
    job = start(client, small_fashion)
    wait_for(lambda: client.job(job.id).level == 1, 120)
    client.pause(job.id)
    wait_for(lambda: client.job(job.id).status == "paused", 60)
    before = client.job(job.id).progress

    client.resume(job.id)
    wait_for(lambda: client.job(job.id).stage == "retraining", 60)
    client.finish(job.id)
    done = client.wait(job.id, timeout_seconds=120)
    assert (done.status, done.error) == ("succeeded", None)
    assert done.progress >= before
    levels = client.levels(job.id)
    assert 0 < len(levels) < 10

    chosen = client.choose(job.id, 0)
    other = client.wait(chosen.id, timeout_seconds=120)
    assert (other.status, other.error, other.parent) == ("succeeded", None, job.id)
    assert {"model.keras", "report.html", "all.zip"} <= {file.name for file in other.artifacts}
    assert client.report(chosen.id).comparison.test_looks == 2


def test_a_cancelled_job_stops(client: Client, small_fashion: Path) -> None:
    job = start(client, small_fashion)
    wait_for(lambda: client.job(job.id).stage == "dense", 120)
    client.cancel(job.id)
    wait_for(lambda: client.job(job.id).status == "cancelled", 30)
    assert client.job(job.id).finished_at is not None
