"""How an attempt ends, with an engine that does as it is told, inside the real walls."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from app.core import clock
from prunery.specs.job import Status
from tests.services.processes import commands, wait_for
from tests.stand_in.service import Service
from worker.runner.jobs import run_job
from worker.runner.reap import sweep


@contextmanager
def running(service: Service, job_id: str, until: Callable[[], bool]) -> Iterator[None]:
    """Run an attempt beside; enter when `until` holds, leave when the attempt is over."""
    thread = threading.Thread(target=run_job, args=(service.context, job_id))
    thread.start()
    wait_for(until)
    yield
    thread.join(20)
    assert not thread.is_alive()


def test_a_job_leaves_levels_files_and_a_history(either: Service) -> None:
    job_id = either.add_job({"levels": 2})
    run_job(either.context, job_id)
    job = either.job(job_id)
    assert (job.status, job.progress, job.idle_attempts, job.error) == ("succeeded", 1.0, 0, None)
    assert job.expires_at is not None
    assert [level.level for level in either.levels(job_id)] == [0, 1, 2]
    events = either.events(job_id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[-1].data == {"status": "succeeded", "is_terminal": True, "attempt": 1}
    artifacts = either.artifacts(job_id)
    assert set(artifacts) == {
        "model.keras", "all.zip", *(f"levels/{level}/model.keras" for level in range(3))
    }  # fmt: skip
    storage = either.context.storage
    assert storage.read(artifacts["model.keras"].storage_key) == b"compact"
    assert storage.size(f"jobs/{job_id}/levels/2/manifest.json") is not None


def test_all_zip_holds_everything_with_checksums(service: Service, tmp_path: Path) -> None:
    job_id = service.add_job({"levels": 1})
    run_job(service.context, job_id)
    artifacts = service.artifacts(job_id)
    service.context.storage.download(artifacts["all.zip"].storage_key, tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        manifest = json.loads(archive.read("manifest.json"))["files"]
        assert set(archive.namelist()) == {"manifest.json", *manifest}
    assert set(manifest) == set(artifacts) - {"all.zip"}
    assert manifest["model.keras"]["sha256"] == artifacts["model.keras"].sha256


def test_a_crash_goes_on_from_the_last_finished_level(service: Service) -> None:
    job_id = service.add_job({"levels": 3, "die": [[1, 2], [2, 3]]})
    for _ in range(3):
        run_job(service.context, job_id)
    assert service.job(job_id).status == "succeeded"
    assert service.statuses(job_id) == [
        "running", "queued", "running", "queued", "running", "succeeded"
    ]  # fmt: skip
    assert [level.attempt for level in service.levels(job_id)] == [1, 1, 2, 3]
    storage = service.context.storage
    key = service.artifacts(job_id)["levels/0/model.keras"].storage_key
    assert storage.read(key) == b"level 0 of attempt 1"


def test_levels_of_earlier_attempts_do_not_count_as_new(service: Service) -> None:
    job_id = service.add_job({"levels": 2, "die": [[n, 1] for n in range(1, 9)]})
    for _ in range(5):
        run_job(service.context, job_id)
    job = service.job(job_id)
    # The first attempt finished level 0; three more finished nothing.
    assert (job.status, job.attempt) == ("failed", 4)
    assert len([event for event in service.events(job_id) if event.type == "level"]) == 1


def test_an_engine_that_always_crashes_fails_with_what_was_seen(service: Service) -> None:
    job_id = service.add_job({"crash": True})
    for _ in range(4):
        run_job(service.context, job_id)
    job = service.job(job_id)
    assert (job.status, job.attempt) == ("failed", 3)
    assert job.error is not None
    assert (job.error["code"], job.error["stage"]) == ("engine_crashed", "checking")
    assert "exit code 3" in job.error["detail"]


def test_an_engine_that_the_system_kills_ran_out_of_memory(service: Service) -> None:
    job_id = service.add_job({"seconds": 30}, idle_attempts=2)
    with running(service, job_id, lambda: service.job(job_id).stage == "retraining"):
        kill_engine_of(service, job_id)
    job = service.job(job_id)
    assert job.status == "failed"
    assert job.error is not None
    assert job.error["code"] == "out_of_memory"


def kill_engine_of(service: Service, job_id: str) -> None:
    """Kill the process that works for this job, as the kernel does when memory is short."""
    (engine,) = [
        process
        for process, command in commands().items()
        if any(f"{job_id}-a" in part for part in command)
    ]
    os.kill(engine, signal.SIGKILL)


def test_a_problem_is_final_and_keeps_its_words(service: Service) -> None:
    job_id = service.add_job({"problem": "training_diverged"}, request_id="req-1")
    run_job(service.context, job_id)
    job = service.job(job_id)
    assert job.status == "failed"
    assert job.error is not None
    assert (job.error["code"], job.error["detail"]) == ("training_diverged", "As ordered.")
    assert job.error["request_id"] == "req-1"


@pytest.mark.parametrize("stubborn", [False, True])
def test_cancel_ends_the_engine_politely_or_by_force(service: Service, stubborn: bool) -> None:
    job_id = service.add_job({"seconds": 60, "stubborn": stubborn})
    with running(service, job_id, lambda: service.job(job_id).stage == "retraining"):
        began = time.monotonic()
        service.change_job(job_id, status=Status.CANCELLING, cancel_requested_at=clock.now())
    assert service.job(job_id).status == "cancelled"
    grace = service.context.settings.stop_grace_seconds
    assert (time.monotonic() - began > grace) == stubborn


def test_pause_keeps_a_checkpoint_and_resume_gets_it(service: Service) -> None:
    job_id = service.add_job({"levels": 1, "seconds": 1}, deadline_seconds=500)
    with running(service, job_id, lambda: service.job(job_id).stage == "retraining"):
        service.change_job(job_id, pause_requested_at=clock.now())
    job = service.job(job_id)
    assert (job.status, job.idle_attempts, job.pause_requested_at) == ("paused", 0, None)
    assert job.deadline_at is None
    assert job.deadline_seconds is not None
    assert 490 < job.deadline_seconds < 500
    assert job.checkpoint is not None
    assert set(job.checkpoint["files"]) == {"state.json"}
    service.change_job(job_id, status=Status.QUEUED, queued_at=clock.now())
    run_job(service.context, job_id)
    assert service.job(job_id).status == "succeeded"
    sweep(service.context)
    assert service.job(job_id).checkpoint is None
    assert service.context.storage.size(job.checkpoint["files"]["state.json"]["key"]) is None


def test_finish_packs_what_is_there(service: Service) -> None:
    job_id = service.add_job({"levels": 9, "seconds": 60})
    with running(service, job_id, lambda: service.job(job_id).stage == "retraining"):
        service.change_job(job_id, finish_requested_at=clock.now())
    assert service.job(job_id).status == "succeeded"
    assert [level.level for level in service.levels(job_id)] == [0]


def test_a_passed_deadline_is_a_failure_that_says_so(service: Service) -> None:
    job_id = service.add_job({"seconds": 60}, deadline_seconds=1)
    run_job(service.context, job_id)
    job = service.job(job_id)
    assert job.status == "failed"
    assert job.error is not None
    assert (job.error["code"], job.error["stage"]) == ("deadline_exceeded", "retraining")


def test_a_job_that_fills_the_disk_is_ended(service: Service) -> None:
    tight = service.context.settings.model_copy(update={"min_free_disk_bytes": 1 << 60})
    job_id = service.add_job({"seconds": 60})
    run_job(dataclasses.replace(service.context, settings=tight), job_id)
    job = service.job(job_id)
    assert job.error is not None
    assert (job.status, job.error["code"]) == ("failed", "disk_full")


def test_a_worker_that_shuts_down_gives_its_job_back_at_no_cost(service: Service) -> None:
    job_id = service.add_job({"seconds": 60})
    with running(service, job_id, lambda: service.job(job_id).stage == "retraining"):
        service.context.stopping.set()
    job = service.job(job_id)
    assert (job.status, job.idle_attempts, job.lease_until) == ("queued", 0, None)
    assert job.checkpoint is not None
    assert job.dispatched_at is not None


def test_an_attempt_that_lost_its_lease_kills_its_engine_and_says_nothing(
    service: Service,
) -> None:
    job_id = service.add_job({"seconds": 60})
    with running(service, job_id, lambda: service.job(job_id).stage == "retraining"):
        before = service.statuses(job_id)
        service.change_job(job_id, attempt=2)
        began = time.monotonic()
    assert time.monotonic() - began < 2
    assert service.statuses(job_id) == before
    assert service.job(job_id).status == "running"


@pytest.mark.parametrize("plant", ["name", "missing"])
def test_results_that_no_engine_leaves_are_refused(service: Service, plant: str) -> None:
    job_id = service.add_job({"levels": 0, "plant": plant})
    run_job(service.context, job_id)
    job = service.job(job_id)
    assert job.status == "failed"
    assert job.error is not None
    assert job.error["code"] == "engine_crashed"
    assert not [name for name in service.artifacts(job_id) if not name.startswith("levels/")]


def test_no_link_can_be_planted_in_the_results(service: Service) -> None:
    # The wall refuses to make one, so the engine dies of a PermissionError, as by a crash.
    job_id = service.add_job({"levels": 0, "plant": "symlink"})
    run_job(service.context, job_id)
    job = service.job(job_id)
    assert job.error is not None
    assert (job.status, job.error["code"]) == ("queued", "engine_crashed")


def test_an_upload_that_is_gone_fails_the_job(service: Service) -> None:
    model_id = service.add_model()
    job_id = service.add_job(model_id=model_id)
    service.context.storage.delete(service.upload(model_id).storage_key)
    run_job(service.context, job_id)
    job = service.job(job_id)
    assert job.error is not None
    assert (job.status, job.error["code"]) == ("failed", "gone")


def test_nothing_of_an_attempt_is_left_on_the_disk(service: Service) -> None:
    run_job(service.context, service.add_job({"levels": 0}))
    assert list((service.context.settings.work_dir / "jobs").iterdir()) == []


def test_a_job_outlives_storage_that_is_full_for_a_while(service: Service) -> None:
    job_id = service.add_job({"levels": 0})
    place = service.context.settings.storage_dir / "jobs"
    place.write_text("no folder, so that nothing can be stored below")
    run_job(service.context, job_id)
    job = service.job(job_id)
    assert job.error is not None
    assert (job.status, job.error["code"]) == ("queued", "internal")
    place.unlink()
    run_job(service.context, job_id)
    assert (service.job(job_id).status, service.job(job_id).error) == ("succeeded", None)


def test_a_job_outlives_its_connections_to_the_database(
    service_on_postgres: Service,
) -> None:
    service = service_on_postgres
    job_id = service.add_job({"levels": 5, "seconds": 0.4})
    url = service.context.settings.database.replace("+psycopg", "")
    with (
        psycopg.connect(url, autocommit=True) as other,
        running(service, job_id, lambda: service.job(job_id).stage == "retraining"),
    ):
        for _ in range(10):
            other.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
            time.sleep(0.2)
    job = service.job(job_id)
    assert (job.status, job.attempt) == ("succeeded", 1)
    assert [level.level for level in service.levels(job_id)] == list(range(6))
