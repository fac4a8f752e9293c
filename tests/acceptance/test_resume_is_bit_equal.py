"""A job that is killed at random steps ends with the very bytes of one that was not."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from examples import article_model
from prunery.specs import presets
from tests.services.processes import commands, wait_for
from tests.stand_in.service import Service
from worker.runner.jobs import run_job

pytestmark = pytest.mark.slow
KILLS = 2
RECIPE: dict[str, Any] = {
    "preset": "article",
    "controls": [],
    "schedule": {"kind": "iterative", "rounds": 2, "pruning_fraction": 0.3},
    "training": {"epochs": 40, "retrain_epochs": 40, "loop": "graph"},
}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service.make(
        tmp_path,
        lease_seconds=60.0,
        checkpoint_seconds=0.2,
        engine_threads=1,
        max_idle_attempts=KILLS + 2,
    )
    yield made
    made.close()


def add_job(service: Service, data: Path) -> str:
    return service.add_job(
        model_id=service.add_model(article_model.FILE.read_bytes()),
        dataset_id=service.add_dataset(data.read_bytes()),
        recipe=presets.resolve(RECIPE).model_dump(mode="json"),
    )


def test_kills_at_random_steps_change_no_bit(service: Service, small_fashion: Path) -> None:
    undisturbed, killed = add_job(service, small_fashion), add_job(service, small_fashion)
    run_job(service.context, undisturbed)
    seed = random.SystemRandom().randrange(1 << 30)
    chance = random.Random(seed)
    for _ in range(KILLS):
        run_and_kill(service, killed, chance.uniform(0.0, 1.5))
    run_job(service.context, killed)
    assert [service.job(job).status for job in (undisturbed, killed)] == ["succeeded"] * 2
    assert service.job(killed).attempt > 1, "no kill hit the job"
    assert results(service, killed) == results(service, undisturbed), f"seed {seed}"


def run_and_kill(service: Service, job_id: str, seconds: float) -> None:
    """Run an attempt, and kill its engine some time after it has saved something new."""
    before = service.job(job_id).checkpoint
    thread = threading.Thread(target=run_job, args=(service.context, job_id))
    thread.start()
    wait_for(lambda: service.job(job_id).checkpoint != before or not thread.is_alive(), 90)
    time.sleep(seconds)
    for process, command in commands().items():
        if any(f"{job_id}-a" in part for part in command):
            os.kill(process, signal.SIGKILL)
    thread.join(60)
    assert not thread.is_alive()


def results(service: Service, job_id: str) -> dict[str, Any]:
    """Weights of the final model and of every level, and the levels' figures."""
    found: dict[str, Any] = {}
    for name, file in service.artifacts(job_id).items():
        path = service.context.storage.local_path(file.storage_key)
        assert path is not None
        if name.endswith(".keras"):
            with zipfile.ZipFile(path) as archive:
                found[name] = hashlib.sha256(archive.read("model.weights.h5")).hexdigest()
        if name == "ticket.npz":
            with zipfile.ZipFile(path) as archive:
                found |= {member: archive.read(member) for member in archive.namelist()}
    levels = service.levels(job_id)
    figures = ("metric", "parameters", "density")
    return found | {"levels": [[level.figures[name] for name in figures] for level in levels]}
