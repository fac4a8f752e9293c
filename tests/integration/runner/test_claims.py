"""One attempt at a time, whatever the broker delivers and whoever comes back from the dead."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from app.core import clock
from prunery.specs.job import Status
from tests.stand_in.service import Service
from worker.runner import outcome
from worker.runner.claim import Claim, LeaseLostError, claim_job, write
from worker.runner.reap import recover_lost

LONG_AGO = timedelta(hours=1)


def claim(service: Service, job_id: str, worker: str = "w") -> Claim | None:
    with service.context.database.session() as session:
        return claim_job(session, job_id, service.context.settings, worker)


def test_of_many_workers_with_the_same_message_one_gets_the_job(either: Service) -> None:
    job_id = either.add_job()
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda n: claim(either, job_id, f"w{n}"), range(8)))
    taken = [one for one in claims if one is not None]
    assert len(taken) == 1
    job = either.job(job_id)
    assert (job.status, job.attempt, job.worker) == ("running", 1, taken[0].job.worker)
    assert either.statuses(job_id) == ["running"]


def test_a_lost_lease_is_claimed_by_the_next_worker_once(either: Service) -> None:
    job_id = either.add_job()
    claim(either, job_id)
    assert claim(either, job_id) is None
    either.change_job(job_id, lease_until=clock.now() - LONG_AGO)
    with ThreadPoolExecutor(4) as pool:
        claims = list(pool.map(lambda n: claim(either, job_id, f"w{n}"), range(4)))
    assert [one.attempt for one in claims if one is not None] == [2]


def test_zombie_attempt_cannot_finish_job(either: Service) -> None:
    job_id = either.add_job()
    zombie = claim(either, job_id)
    assert zombie is not None
    either.change_job(job_id, lease_until=clock.now() - LONG_AGO)
    alive = claim(either, job_id)
    assert alive is not None
    database, settings = either.context.database, either.context.settings
    with pytest.raises(LeaseLostError), database.session() as session:
        outcome.succeed(session, zombie, settings, {}, {"who": "zombie"}, None)
    with pytest.raises(LeaseLostError), database.session() as session:
        write(session, zombie, progress=0.9)
    assert either.job(job_id).status == "running"
    with database.session() as session:
        outcome.succeed(session, alive, settings, {}, {"who": "alive"}, None)
    assert either.job(job_id).metrics == {"who": "alive"}
    assert either.statuses(job_id) == ["running", "running", "succeeded"]


def test_a_job_that_was_cancelled_meanwhile_does_not_succeed(either: Service) -> None:
    job_id = either.add_job()
    held = claim(either, job_id)
    assert held is not None
    either.change_job(job_id, status=Status.CANCELLING)
    with either.context.database.session() as session:
        outcome.succeed(session, held, either.context.settings, {}, {"late": True}, None)
    job = either.job(job_id)
    assert (job.status, job.metrics) == ("cancelled", None)


def test_reaper_gives_a_lost_job_back_and_cancels_what_was_to_be(either: Service) -> None:
    lost, cancelled = either.add_job(), either.add_job()
    for job_id in (lost, cancelled):
        claim(either, job_id)
        either.change_job(job_id, lease_until=clock.now() - LONG_AGO)
    either.change_job(cancelled, status=Status.CANCELLING)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: recover_lost(either.context), range(4)))
    assert either.statuses(lost) == ["running", "queued"]
    assert len(list((either.context.settings.broker_dir / "messages").iterdir())) == 1
    assert either.statuses(cancelled) == ["running", "cancelled"]
    assert either.job(cancelled).finished_at is not None


def test_attempts_without_a_new_level_are_bounded(either: Service) -> None:
    job_id = either.add_job()
    for attempt in (1, 2, 3):
        held = claim(either, job_id)
        assert held is not None
        assert held.attempt == attempt
        either.change_job(job_id, lease_until=clock.now() - LONG_AGO)
    recover_lost(either.context)
    job = either.job(job_id)
    assert job.status == "failed"
    assert job.error is not None
    assert job.error["code"] == "worker_lost"
    assert job.error["detail"].startswith("3 attempts")
    assert claim(either, job_id) is None


def test_the_bound_holds_without_a_reaper(service: Service) -> None:
    job_id = service.add_job()
    for _ in range(3):
        assert claim(service, job_id) is not None
        service.change_job(job_id, lease_until=clock.now() - LONG_AGO)
    assert claim(service, job_id) is None
    assert service.job(job_id).status == "failed"


def test_the_deadline_runs_from_the_first_claim(service: Service) -> None:
    job_id = service.add_job(deadline_seconds=100)
    claim(service, job_id)
    first = service.job(job_id).deadline_at
    assert first is not None
    assert timedelta(seconds=95) < first - clock.now() <= timedelta(seconds=100)
    service.change_job(job_id, lease_until=clock.now() - LONG_AGO)
    claim(service, job_id)
    assert service.job(job_id).deadline_at == first
