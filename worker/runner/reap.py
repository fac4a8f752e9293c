"""Take back what was lost, send again what nobody answered, delete what is past its time.

One runs in each worker. Every step is a conditional update, so that many do no more than one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock, events
from app.core.tables import JobTable
from prunery.specs.job import Status
from worker.runner import caches, retention
from worker.runner.claim import give_up
from worker.runner.context import Context
from worker.runner.republish import republish_checks, republish_jobs
from worker.runner.workspace import remove_abandoned

log = structlog.get_logger()
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


def _guarded(step: Callable[[Context], object], context: Context) -> None:
    try:
        step(context)
    except Exception:
        # The database or the broker may be away: the next look will do.
        log.exception("reaper_failed", step=getattr(step, "__name__", "sweep"))
