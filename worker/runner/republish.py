"""Send a wake-up again when nobody answered it; less and less often, for queues may be long.

A row is due when it was never sent, or was last sent longer ago than it had then waited (and than
`republish_seconds`): after 1, 2, 4, 8 ... times that. A day in the queue costs a dozen messages.
A worker with nothing to do knows better: a message that lies there is one that it never got.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import or_, select, update

from app.core import clock
from app.core.broker import CHECKS, TABLES, Subject
from app.core.tables import DatasetTable, JobTable, ModelTable
from prunery.specs.job import Status
from worker.runner.context import Context

log = structlog.get_logger()
# Whoever committed a row sends its message a moment later.
YOUNG = timedelta(seconds=3)
# Those in front of the queue; the others' turn comes.
AT_A_TIME = 50


def republish_jobs(context: Context) -> None:
    """Wake a worker for jobs whose message was never sent, or lost."""
    old = clock.now() - YOUNG
    waiting = (JobTable.status == Status.QUEUED, JobTable.queued_at < old)
    for job in _front(context, JobTable, waiting):
        if _is_due(job.dispatched_at, job.queued_at, context, job.queue):
            _send(context, "job", job, job.queue)


def republish_checks(context: Context) -> None:
    """Wake a worker for uploads whose inspection was never asked for, or lost."""
    tables: dict[Subject, Any] = {"model": ModelTable, "dataset": DatasetTable}
    now = clock.now()
    for subject, table in tables.items():
        lease = table.check_lease_until
        free = or_(lease.is_(None), lease < now)
        waiting = (table.status == "checking", table.created_at < now - YOUNG, free)
        for row in _front(context, table, waiting):
            lease_until, sent = row.check_lease_until, row.dispatched_at
            # The message of an inspection that broke off went with its worker.
            broke_off = lease_until is not None and sent is not None and sent < lease_until
            if broke_off or _is_due(sent, row.created_at, context, CHECKS):
                _send(context, subject, row, CHECKS)


def _front(context: Context, table: Any, waiting: Sequence[Any]) -> list[Any]:
    with context.database.reading() as session:
        query = select(table).where(*waiting).order_by(table.id).limit(AT_A_TIME)
        return list(session.scalars(query))


def _is_due(sent: datetime | None, since: datetime, context: Context, queue: str) -> bool:
    if sent is None:
        return True
    pause = timedelta(seconds=context.settings.republish_seconds)
    if context.busy.is_set() or queue not in context.queues:
        pause = max(pause, sent - since)
    return clock.now() - sent > pause


def _send(context: Context, subject: Subject, row: Any, queue: str) -> None:
    """Send if no other reaper has meanwhile: only the one that moves the mark does."""
    if not _mark(context, subject, row.id, row.dispatched_at, now := clock.now()):
        return
    try:
        context.broker.wake(subject, row.id, queue)
    except Exception:
        _mark(context, subject, row.id, now, row.dispatched_at)
        raise
    log.info("republished", subject=subject, id=row.id)


def _mark(
    context: Context, subject: Subject, row_id: str, seen: datetime | None, new: datetime | None
) -> bool:
    table: Any = TABLES[subject]
    unchanged = table.dispatched_at.is_(None) if seen is None else table.dispatched_at == seen
    mark = (
        update(table)
        .where(table.id == row_id, unchanged)
        .values(dispatched_at=new)
        .returning(table.id)
    )
    with context.database.session() as session:
        return session.execute(mark).one_or_none() is not None
