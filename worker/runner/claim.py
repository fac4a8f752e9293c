"""Take a job or an upload. The attempt's number is the fencing token of every later write.

A claim is one UPDATE: of two workers with the same message one changes the row, the other none.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, update
from sqlalchemy.orm import Session

from app.core import clock, events
from app.core.broker import TABLES, Subject
from app.core.settings import Settings
from app.core.tables import DatasetTable, JobTable, ModelTable
from prunery.specs.errors import PruneryError
from prunery.specs.job import Status

HELD = (Status.RUNNING, Status.CANCELLING)


class LeaseLostError(Exception):
    """Somebody else has this row now: whatever this attempt still knows is void."""


@dataclasses.dataclass(frozen=True)
class Claim:
    """What an attempt holds. `row` is the row as it was when it was claimed."""

    subject: Subject
    id: str
    attempt: int
    row: JobTable | ModelTable | DatasetTable

    @property
    def job(self) -> JobTable:
        if not isinstance(self.row, JobTable):
            raise TypeError(f"{self.id} is no job.")
        return self.row

    @property
    def upload(self) -> ModelTable | DatasetTable:
        if isinstance(self.row, JobTable):
            raise TypeError(f"{self.id} is no upload.")
        return self.row


def claim_job(session: Session, job_id: str, settings: Settings, worker: str) -> Claim | None:
    """Take a job that waits, or whose worker fell silent; None when there is nothing to do."""
    now = clock.shared_now(session)
    lost = and_(JobTable.status == Status.RUNNING, JobTable.lease_until < now)
    taken = (
        update(JobTable)
        .where(JobTable.id == job_id, or_(JobTable.status == Status.QUEUED, lost))
        .values(
            status=Status.RUNNING,
            attempt=JobTable.attempt + 1,
            idle_attempts=JobTable.idle_attempts + 1,
            worker=worker,
            lease_until=now + timedelta(seconds=settings.lease_seconds),
        )
        .returning(JobTable)
        .execution_options(populate_existing=True)
    )
    job = session.scalars(taken).one_or_none()
    if job is None:
        return None
    if job.idle_attempts > settings.max_idle_attempts:
        give_up(session, job, now, settings)
        return None
    job.started_at = job.started_at or now
    if job.deadline_at is None:
        seconds = job.deadline_seconds or settings.deadline_seconds
        job.deadline_at = now + timedelta(seconds=seconds)
    session.flush()
    events.append_status(session, job.id, Status.RUNNING, job.attempt)
    return Claim("job", job.id, job.attempt, job)


def give_up(session: Session, job: JobTable, now: datetime, settings: Settings) -> None:
    """Fail a job whose attempts die without a new level."""
    error = PruneryError(
        "worker_lost",
        f"{job.idle_attempts - 1} attempts in a row ended without a new level, "
        "the last one without a word.",
    )
    if job.error is None:  # else the attempt before said what it saw
        problem = error.problem(request_id=job.request_id, stage=job.stage)
        job.error = problem.model_dump(mode="json")
    job.status = Status.FAILED
    job.lease_until = None
    job.finished_at = now
    job.expires_at = now + timedelta(seconds=settings.job_ttl_seconds)
    session.flush()
    events.append_status(session, job.id, Status.FAILED, job.attempt)


def claim_upload(
    session: Session, subject: Subject, row_id: str, settings: Settings
) -> Claim | None:
    """Take an upload that waits for its inspection. `attempt` may be beyond the bound."""
    table: Any = TABLES[subject]
    now = clock.shared_now(session)
    free = or_(table.check_lease_until.is_(None), table.check_lease_until < now)
    taken = (
        update(table)
        .where(table.id == row_id, table.status == "checking", free)
        .values(
            check_attempt=table.check_attempt + 1,
            check_lease_until=now + timedelta(seconds=settings.lease_seconds),
        )
        .returning(table)
        .execution_options(populate_existing=True)
    )
    row = session.scalars(taken).one_or_none()
    if row is None:
        return None
    return Claim(subject, row.id, row.check_attempt, row)


def reject(row: ModelTable | DatasetTable, error: PruneryError, now: datetime) -> None:
    """Mark an upload as rejected; its bytes go next, the row stays and says why."""
    row.status = "rejected"
    row.error = error.problem(request_id=row.request_id).model_dump(mode="json")
    row.check_lease_until = None
    row.deleted_at = now


def held(claim: Claim) -> ColumnElement[bool]:
    """The condition under which a write of this attempt counts."""
    table: Any = TABLES[claim.subject]
    if claim.subject == "job":
        return and_(table.id == claim.id, table.attempt == claim.attempt, table.status.in_(HELD))
    return and_(
        table.id == claim.id,
        table.check_attempt == claim.attempt,
        table.status == "checking",
        table.check_lease_until.is_not(None),
    )


def write(session: Session, claim: Claim, **values: Any) -> JobTable | ModelTable | DatasetTable:
    """Change the row of this attempt (or just lock it) and return it. Raises: LeaseLostError."""
    table: Any = TABLES[claim.subject]
    changed = (
        update(table)
        .where(held(claim))
        .values(**(values or {"id": claim.id}))
        .returning(table)
        .execution_options(populate_existing=True)
    )
    row: JobTable | ModelTable | DatasetTable | None = session.scalars(changed).one_or_none()
    if row is None:
        raise LeaseLostError(claim.id)
    return row
