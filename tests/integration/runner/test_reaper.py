"""Nothing is lost with a message, and nothing stays past its time."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from app.core import clock
from prunery.specs.job import Status
from tests.stand_in.service import Service
from worker.runner import caches
from worker.runner.jobs import run_job
from worker.runner.reap import reap, sweep
from worker.runner.republish import republish_jobs
from worker.runner.workspace import Workspace, remove_abandoned

HOUR = timedelta(hours=1)


def messages(service: Service, queue: str) -> list[str]:
    folder = service.context.settings.broker_dir / "messages"
    return sorted(path.name for path in folder.glob(f"*.{queue}.msg"))


def test_a_job_that_was_never_sent_is_sent_once(either: Service) -> None:
    job_id = either.add_job(queued_at=clock.now() - HOUR)
    for _ in range(3):
        reap(either.context)
    assert len(messages(either, "cpu")) == 1
    assert either.job(job_id).dispatched_at is not None


def test_a_job_that_was_just_made_is_left_to_its_maker(service: Service) -> None:
    service.add_job()
    reap(service.context)
    assert messages(service, "cpu") == []


def test_a_lost_message_is_sent_again(service: Service) -> None:
    service.add_job(queued_at=clock.now() - 2 * HOUR, dispatched_at=clock.now() - 1.5 * HOUR)
    reap(service.context)
    assert len(messages(service, "cpu")) == 1


def test_a_long_wait_costs_few_messages(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    began = clock.now()
    service.add_job(queued_at=began)
    for second in range(5, 3600, 5):  # a worker is busy for an hour; looks every 5 s
        monkeypatch.setattr(clock, "now", lambda moment=began + timedelta(seconds=second): moment)
        republish_jobs(service.context)
    # Sent at once, then whenever the wait has doubled.
    assert len(messages(service, "cpu")) <= 12


def test_an_idle_worker_does_not_wait_for_a_lost_message(service: Service) -> None:
    service.add_job(
        queued_at=clock.now() - 2 * HOUR, dispatched_at=clock.now() - timedelta(minutes=1)
    )
    republish_jobs(service.context)
    assert messages(service, "cpu") == []
    service.context.queues.add("cpu")
    service.context.busy.set()
    republish_jobs(service.context)
    assert messages(service, "cpu") == []
    service.context.busy.clear()
    republish_jobs(service.context)
    assert len(messages(service, "cpu")) == 1


def test_a_broker_that_is_away_costs_no_wait(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise ConnectionError("no broker")

    job_id = service.add_job(queued_at=clock.now() - HOUR)
    with monkeypatch.context() as patch:
        patch.setattr(service.context.broker, "wake", away)
        with pytest.raises(ConnectionError):
            republish_jobs(service.context)
    assert service.job(job_id).dispatched_at is None
    republish_jobs(service.context)
    assert len(messages(service, "cpu")) == 1


def test_uploads_whose_inspection_was_lost_are_sent_again(either: Service) -> None:
    old = clock.now() - HOUR
    either.add_model(status="checking", created_at=old)
    broke_off = either.add_dataset(
        status="checking",
        created_at=old,
        dispatched_at=clock.now() - timedelta(seconds=0.5),
        check_attempt=1,
        check_lease_until=clock.now() - timedelta(seconds=0.1),
    )
    running = either.add_dataset(
        status="checking", created_at=old, check_attempt=1, check_lease_until=clock.now() + HOUR
    )
    for _ in range(3):
        reap(either.context)
    assert len(messages(either, "checks")) == 2
    assert either.upload(broke_off).dispatched_at is not None
    assert either.upload(running).dispatched_at is None


def test_a_job_that_waited_too_long_expires(either: Service) -> None:
    job_id = either.add_job(queued_at=clock.now() - timedelta(days=30))
    resumed = either.add_job(
        queued_at=clock.now() - timedelta(days=30), started_at=clock.now() - timedelta(days=31)
    )
    reap(either.context)
    assert either.statuses(job_id) == ["expired"]
    assert either.job(resumed).status == Status.QUEUED


def test_files_past_their_time_go_and_the_row_says_so(either: Service) -> None:
    kept, old = either.add_job({"levels": 0}), either.add_job({"levels": 0})
    for job_id in (kept, old):
        run_job(either.context, job_id)
    either.change_job(old, expires_at=clock.now() - HOUR)
    sweep(either.context)
    assert either.artifacts(old) == {}
    assert either.job(old).deleted_at is not None
    assert either.context.storage.delete_prefix(f"jobs/{old}") == 0
    assert set(either.artifacts(kept)) == {"model.keras", "all.zip", "levels/0/model.keras"}


def test_uploads_past_their_time_go_unless_a_job_needs_them(either: Service) -> None:
    past = clock.now() - HOUR
    free = either.add_model(expires_at=past)
    needed = either.add_model(expires_at=past)
    job_id = either.add_job(model_id=needed)
    sweep(either.context)
    storage = either.context.storage
    assert either.upload(free).deleted_at is not None
    assert storage.size(either.upload(free).storage_key) is None
    assert storage.size(either.upload(needed).storage_key) is not None
    either.change_job(job_id, status=Status.CANCELLED)
    sweep(either.context)
    assert storage.size(either.upload(needed).storage_key) is None


def test_a_workspace_goes_with_its_runner_and_not_before(service: Service) -> None:
    parent = service.context.settings.work_dir / "jobs"
    with Workspace(parent, "alive") as alive:
        abandoned = parent / "abandoned"
        abandoned.mkdir()
        (abandoned / "lock").touch()
        assert remove_abandoned(parent) == 1
        assert alive.control.is_dir()
        assert not abandoned.exists()


def test_caches_are_trimmed_by_age(service: Service) -> None:
    folder = caches.owner_cache(service.context.settings, "own_a")
    (folder / "new").mkdir()
    (folder / "old").mkdir()
    os.utime(folder / "old", (0, 0))
    assert caches.trim(service.context.settings) == 1
    assert [path.name for path in folder.iterdir()] == ["new"]
