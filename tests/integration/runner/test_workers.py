"""Real Celery workers as processes, on the local broker and on Redis."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.processes import wait_for
from tests.stand_in.service import QUICK, Service


@pytest.fixture(params=["folder", "redis"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    more = {}
    if request.param == "redis":
        more["broker_url"] = request.getfixturevalue("fresh_redis_url")
    made = Service.make(tmp_path, **more)
    yield made
    made.close()


@contextlib.contextmanager
def worker(
    service: Service, log: Path, queue: str = "cpu", *, surprises: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process; ended politely at the end, and its log is free of surprises."""
    settings = service.context.settings
    given = {
        **QUICK,
        "data_dir": settings.data_dir,
        "broker_url": settings.broker_url.get_secret_value() if settings.broker_url else None,
    }
    environment = {f"PRUNERY_{k.upper()}": str(v) for k, v in given.items() if v is not None}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.stand_in.work", "work", "--queues", queue],
            env={**os.environ, **environment},
            stderr=output,
            stdout=output,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)  # one that a failed test left asleep would never end
        process.terminate()
        process.wait(20)
    assert ("Traceback" in log.read_text()) == surprises


def test_jobs_run_in_order_and_sigterm_gives_the_running_one_back(
    service: Service, tmp_path: Path
) -> None:
    first, second = service.add_job({"levels": 1}), service.add_job({"seconds": 60})
    for job_id in (first, first, second):  # a message that comes twice harms nobody
        assert service.context.broker.publish(service.context.database, "job", job_id, "cpu")
    with worker(service, tmp_path / "log") as process:
        wait_for(lambda: service.job(second).stage == "retraining")
        assert service.job(first).status == "succeeded"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    job = service.job(second)
    assert (job.status, job.attempt, job.idle_attempts) == ("queued", 1, 0)
    assert job.checkpoint is not None
    assert service.job(first).attempt == 1


def test_a_worker_goes_on_where_a_killed_one_stopped(service: Service, tmp_path: Path) -> None:
    job_id = service.add_job({"levels": 2, "seconds": 1.0})
    service.context.broker.publish(service.context.database, "job", job_id, "cpu")
    with worker(service, tmp_path / "log") as process:
        wait_for(lambda: service.job(job_id).level == 1, 30)
        process.kill()
        process.wait()
    with worker(service, tmp_path / "log"):
        wait_for(lambda: service.job(job_id).status == "succeeded")
    assert service.levels(job_id)[0].attempt == 1
    assert service.job(job_id).attempt == 2
    assert service.statuses(job_id) == ["running", "queued", "running", "succeeded"]


class Canary:
    """Makes a file when somebody unpickles it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, (str(self.file), "w"))


@pytest.mark.parametrize("service", ["redis"], indirect=True)
def test_a_pickled_message_is_refused_and_runs_nothing(service: Service, tmp_path: Path) -> None:
    canary = tmp_path / "ran"
    body = pickle.dumps(((Canary(canary),), {}, {}))
    with service.context.broker.celery.connection_for_write() as connection:
        connection.Producer().publish(
            body,
            routing_key="cpu",
            content_type="application/x-python-serialize",
            content_encoding="binary",
            headers={"task": "prunery.run_job", "id": "1", "lang": "py", "argsrepr": "()"},
        )
    job_id = service.add_job({"levels": 0})
    service.context.broker.publish(service.context.database, "job", job_id, "cpu")
    with worker(service, tmp_path / "log", surprises=True):
        wait_for(lambda: service.job(job_id).status == "succeeded")
    assert "ContentDisallowed" in (tmp_path / "log").read_text()
    assert not canary.exists()


def _put_to_sleep(process: subprocess.Popen[bytes], service: Service) -> None:
    """Stop it between two writes: asleep in the middle of one, it would lock SQLite for all."""
    path = service.context.settings.data_dir / "prunery.db"
    with contextlib.closing(sqlite3.connect(path, timeout=0.1)) as database:
        while True:
            process.send_signal(signal.SIGSTOP)
            with contextlib.suppress(sqlite3.OperationalError):
                database.execute("BEGIN IMMEDIATE")
                database.rollback()
                return
            process.send_signal(signal.SIGCONT)
            time.sleep(0.05)


@pytest.mark.parametrize("service", ["folder"], indirect=True)
def test_a_worker_that_slept_through_its_lease_changes_nothing(
    service: Service, tmp_path: Path
) -> None:
    job_id = service.add_job({"levels": 1, "seconds": 2.0})
    service.context.broker.publish(service.context.database, "job", job_id, "cpu")
    with worker(service, tmp_path / "sleeper") as sleeper:
        wait_for(lambda: service.job(job_id).stage == "retraining")
        _put_to_sleep(sleeper, service)  # its engine goes on, unheard
        with worker(service, tmp_path / "log"):
            wait_for(lambda: service.job(job_id).attempt == 2)
            sleeper.send_signal(signal.SIGCONT)
            wait_for(lambda: service.job(job_id).status == "succeeded")
        wait_for(lambda: "attempt_void" in (tmp_path / "sleeper").read_text())
    assert service.job(job_id).metrics == {"attempt": 2}
    assert service.statuses(job_id) == ["running", "queued", "running", "succeeded"]
    events = service.events(job_id)
    assert events[-1].data["is_terminal"]
    assert [e.data["level"] for e in events if e.type == "level"] == [0, 1]
    assert {level.attempt for level in service.levels(job_id)} == {2}


@pytest.mark.parametrize("service", ["folder"], indirect=True)
def test_a_check_is_done_by_the_worker_for_checks(service: Service, tmp_path: Path) -> None:
    row_id = service.add_model(status="checking")
    service.context.broker.publish(service.context.database, "model", row_id, "checks")
    with worker(service, tmp_path / "log", "checks"):
        wait_for(lambda: service.upload(row_id).status == "ready")
