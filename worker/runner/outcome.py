"""How a job ends, from how its engine ended. One fenced transaction each; a zombie writes nothing.

done                          succeeded, with its files
a problem                     failed, with the engine's own words
stopped as the owner asked    cancelled, or paused
the deadline                  failed: deadline_exceeded
the disk is nearly full       failed: disk_full
the worker shuts down         back to the queue, at no cost
anything else                 back to the queue; failed when that happened too often in a row

Each function says whether the job waits in the queue again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core import clock, events, states
from app.core.settings import Settings
from app.core.tables import JobLevelTable, JobTable
from prunery.specs.errors import Problem, PruneryError
from prunery.specs.job import Status
from worker.runner.claim import Claim, LeaseLostError, write
from worker.runner.files import Files
from worker.runner.heartbeat import Asked
from worker.runner.progress import artifact
from worker.runner.sandbox.enter import MISSING
from worker.runner.supervise import INTERRUPTED, Ending

log = structlog.get_logger()
SIGKILL = -9


def succeed(
    session: Session,
    claim: Claim,
    settings: Settings,
    files: Files,
    metrics: dict[str, Any],
    chosen_level: int | None,
) -> None:
    """Hand over the files."""
    job = _end(session, claim, Status.SUCCEEDED, settings, progress=1.0, metrics=metrics)
    if job.status != Status.SUCCEEDED:
        return
    common = {"job_id": job.id, "owner_id": job.owner_id, "created_at": clock.now()}
    for name, file in files.items():
        session.merge(artifact(common, name, file))
    if chosen_level is not None:
        session.execute(
            update(JobLevelTable)
            .where(JobLevelTable.job_id == job.id, JobLevelTable.level == chosen_level)
            .values(chosen=True)
        )


def fail(session: Session, claim: Claim, settings: Settings, problem: Problem) -> bool:
    """End with an error; finished levels stay, for whoever wants to look."""
    job = _lock(session, claim)
    seen = {"request_id": job.request_id, "stage": problem.stage or job.stage}
    error = problem.model_copy(update=seen).model_dump(mode="json")
    _end(session, claim, Status.FAILED, settings, error=error)
    return False


def cancel(session: Session, claim: Claim, settings: Settings) -> bool:
    """End because the owner wants nothing of it any more."""
    _end(session, claim, Status.CANCELLED, settings)
    return False


def pause(session: Session, claim: Claim, settings: Settings) -> bool:
    """Stop until the owner resumes; what is left of the deadline is kept."""
    left = None
    if claim.job.deadline_at is not None:
        left = max(1, int((claim.job.deadline_at - clock.now()).total_seconds()))
    kept = {"deadline_seconds": left, "deadline_at": None, "pause_requested_at": None}
    return _let_go(session, claim, Status.PAUSED, settings, free=True, **kept)


def give_back(session: Session, claim: Claim, settings: Settings) -> bool:
    """Return the job to the queue because this worker goes, not because of the job."""
    now = clock.now()
    return _let_go(session, claim, Status.QUEUED, settings, free=True, queued_at=now)


def crash(session: Session, claim: Claim, settings: Settings, seen: PruneryError) -> bool:
    """Queue the job again after an attempt broke off, or fail it for good; `seen` says how."""
    job = _lock(session, claim)
    problem = seen.problem(request_id=job.request_id, stage=job.stage)
    if job.idle_attempts >= settings.max_idle_attempts:
        return fail(session, claim, settings, problem)
    # The error is kept for the case that no attempt gets further.
    kept = {"queued_at": clock.now(), "error": problem.model_dump(mode="json")}
    return _let_go(session, claim, Status.QUEUED, settings, free=False, **kept)


def broke_off(ending: Ending) -> PruneryError:
    """What an engine's unexpected end looked like."""
    if ending.code == MISSING:
        return PruneryError("sandbox_unavailable", "A wall of the sandbox could not be raised.")
    if ending.code == SIGKILL:
        detail = "The system ended the engine, as it does when memory is short."
        return PruneryError("out_of_memory", detail)
    return PruneryError("engine_crashed", f"The engine ended with {ending.describe()}.")


def settle(session: Session, claim: Claim, settings: Settings, ending: Ending) -> bool:
    """Every ending but success; whether the job waits in the queue again."""
    if ending.asked is Asked.LOST:
        raise LeaseLostError(claim.id)
    stopped = ending.code == INTERRUPTED or ending.code < 0
    if ending.asked is Asked.CANCEL:
        return cancel(session, claim, settings)
    if ending.problem is not None:
        return fail(session, claim, settings, ending.problem)
    if ending.asked is Asked.DEADLINE:
        return fail(session, claim, settings, deadline(claim))
    if ending.asked is Asked.DISK:
        error = PruneryError("disk_full", "The worker's disk filled up while the job ran.")
        return fail(session, claim, settings, error.problem())
    if ending.asked is Asked.PAUSE and stopped:
        return pause(session, claim, settings)
    if ending.asked is Asked.SHUTDOWN and stopped:
        return give_back(session, claim, settings)
    return crash(session, claim, settings, broke_off(ending))


def deadline(claim: Claim) -> Problem:
    seconds = claim.job.deadline_seconds
    detail = (
        f"The job did not end within its deadline of {seconds} s."
        if seconds
        else "It took too long."
    )
    return PruneryError("deadline_exceeded", detail).problem()


def _end(
    session: Session, claim: Claim, status: Status, settings: Settings, **values: Any
) -> JobTable:
    job = _lock(session, claim)
    if job.status == Status.CANCELLING:  # whatever came of it, the owner wants nothing of it
        status, values = Status.CANCELLED, {}
    states.check(job.status, status)
    now = clock.now()
    job.error = None
    for name, value in values.items():
        setattr(job, name, value)
    job.status = status
    job.lease_until = job.eta_seconds = None
    job.finished_at = now
    job.expires_at = now + timedelta(seconds=settings.job_ttl_seconds)
    session.flush()
    events.append_status(session, job.id, status, claim.attempt)
    log.info("job_ended", status=str(status))
    return job


def _let_go(
    session: Session,
    claim: Claim,
    status: Status,
    settings: Settings,
    *,
    free: bool,
    **values: Any,
) -> bool:
    """Leave the job to a later attempt. `free`: this one does not count against it."""
    job = _lock(session, claim)
    if job.status == Status.CANCELLING:
        _end(session, claim, Status.CANCELLED, settings)
        return False
    states.check(job.status, status)
    for name, value in values.items():
        setattr(job, name, value)
    job.status = status
    job.lease_until = job.dispatched_at = job.worker = job.eta_seconds = None
    if free:
        job.idle_attempts -= 1
    session.flush()
    events.append_status(session, claim.id, status, claim.attempt)
    return status is Status.QUEUED


def _lock(session: Session, claim: Claim) -> JobTable:
    row = write(session, claim)
    if not isinstance(row, JobTable):
        raise LeaseLostError(claim.id)
    return row
