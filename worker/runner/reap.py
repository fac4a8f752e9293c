"""Take back what was lost, send again what nobody answered, delete what is past its time.

One runs in each worker. Every step is a conditional update, so that many do no more than one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from app.core import clock, events
from app.core.broker import CHECKS, TABLES, Subject
from app.core.tables import DatasetTable, JobTable, ModelTable
from prunery.specs.job import Status
from worker.runner import caches, retention
from worker.runner.claim import give_up
from worker.runner.context import Context
from worker.runner.workspace import remove_abandoned

log = structlog.get_logger()
# Whoever committed a row sends its message a moment later.
YOUNG = timedelta(seconds=3)
# Old wake-ups lie before new ones, so a few at a time are enough.
AT_A_TIME = 8
SWEEP_SECONDS = 300.0


class Reaper(threading.Thread):
    """Looks every `reap_seconds` until `over` is set."""

    def __init__(self, context: Context, over: threading.Event) -> None:
        super().__init__(name="reaper", daemon=True)
        self._context = context
        self._over = over
        self._swept = 0.0

    def run(self) -> None:
        while not self._over.is_set():
            reap(self._context)
            if time.monotonic() - self._swept > SWEEP_SECONDS or not self._swept:
                self._swept = time.monotonic()
                sweep(self._context)
            self._over.wait(self._context.settings.reap_seconds)


def reap(context: Context) -> None:
    """Look once at everything that may be lost."""
    for step in (recover_lost, expire_queued, republish_jobs, republish_checks):
        _guarded(step, context)


def sweep(context: Context) -> None:
    """Look once at files that may go."""
    _guarded(retention.expire_jobs, context)
    _guarded(retention.expire_uploads, context)
    _guarded(retention.forget_checkpoints, context)
    _guarded(lambda c: remove_abandoned(c.settings.work_dir / "jobs"), context)
    _guarded(lambda c: caches.trim(c.settings), context)


def recover_lost(context: Context) -> None:
    """Give jobs whose worker fell silent back to the queue; cancel those that were to be."""
    with context.database.session() as session:
        now = clock.shared_now(session)
        held = JobTable.status.in_([Status.RUNNING, Status.CANCELLING])
        query = select(JobTable).where(held, JobTable.lease_until < now)
        lost = session.scalars(query.with_for_update(skip_locked=True)).all()
        for job in lost:
            log.warning("lease_expired", job_id=job.id, attempt=job.attempt, worker=job.worker)
            _recover(session, job, now, context)
    for job in lost:
        if job.status == Status.QUEUED:
            context.broker.publish(context.database, "job", job.id, job.queue)


def _recover(session: Session, job: JobTable, now: datetime, context: Context) -> None:
    if job.status == Status.CANCELLING:
        job.status = Status.CANCELLED
        job.finished_at = now
        job.expires_at = now + timedelta(seconds=context.settings.job_ttl_seconds)
    elif job.idle_attempts >= context.settings.max_idle_attempts:
        job.idle_attempts += 1
        give_up(session, job, now, context.settings)
        return
    else:
        job.status = Status.QUEUED
        job.queued_at = now
        job.dispatched_at = None
    job.lease_until = None
    session.flush()
    events.append_status(session, job.id, Status(job.status), job.attempt)


def expire_queued(context: Context) -> None:
    """End jobs that waited for longer than the queue allows and never ran."""
    with context.database.session() as session:
        now = clock.now()
        oldest = now - timedelta(seconds=context.settings.queue_ttl_seconds)
        query = select(JobTable).where(
            JobTable.status == Status.QUEUED,
            JobTable.queued_at < oldest,
            JobTable.started_at.is_(None),
        )
        for job in session.scalars(query.with_for_update(skip_locked=True)).all():
            job.status = Status.EXPIRED
            job.finished_at = now
            job.expires_at = now + timedelta(seconds=context.settings.job_ttl_seconds)
            session.flush()
            events.append_status(session, job.id, Status.EXPIRED, job.attempt)


def republish_jobs(context: Context) -> None:
    """Wake a worker for jobs whose message was never sent, or lost."""
    waiting = JobTable.status == Status.QUEUED
    _republish(context, "job", [waiting, JobTable.queued_at < clock.now() - YOUNG], None)


def republish_checks(context: Context) -> None:
    """Wake a worker for uploads whose inspection was never asked for, or lost."""
    for subject, table in (("model", ModelTable), ("dataset", DatasetTable)):
        lease = table.check_lease_until
        now = clock.now()
        conditions = [
            table.status == "checking",
            table.created_at < now - YOUNG,
            or_(lease.is_(None), lease < now),
        ]
        # The message of an inspection that broke off is gone with its worker.
        broke_off = table.dispatched_at < lease
        _republish(context, subject, conditions, CHECKS, broke_off)  # type: ignore[arg-type]


def _republish(
    context: Context,
    subject: Subject,
    conditions: list[Any],
    queue: str | None,
    broke_off: ColumnElement[bool] | None = None,
) -> None:
    table: Any = TABLES[subject]
    now = clock.now()
    stale = now - timedelta(seconds=context.settings.republish_seconds)
    unanswered = or_(table.dispatched_at.is_(None), table.dispatched_at < stale)
    if broke_off is not None:
        unanswered = or_(unanswered, broke_off)
    with context.database.reading() as session:
        query = select(table).where(*conditions, unanswered).order_by(table.id).limit(AT_A_TIME)
        rows = list(session.scalars(query))
    for row in rows:
        # Only the reaper that moves the mark sends.
        mark = (
            update(table)
            .where(table.id == row.id, *conditions, unanswered)
            .values(dispatched_at=now)
            .returning(table.id)
        )
        with context.database.session() as session:
            mine = session.execute(mark).one_or_none() is not None
        if mine:
            log.info("republished", subject=subject, id=row.id)
            context.broker.wake(subject, row.id, queue or row.queue)


def _guarded(step: Callable[[Context], object], context: Context) -> None:
    try:
        step(context)
    except Exception:
        # The database or the broker may be away: the next look will do.
        log.exception("reaper_failed", step=getattr(step, "__name__", "sweep"))
