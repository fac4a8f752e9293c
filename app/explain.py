"""All that is known of a job, for whoever is on call."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.tables import ArtifactTable, JobEventTable, JobLevelTable, JobTable, WorkerTable
from prunery.specs.errors import PruneryError

QUIET = ("recipe", "checkpoint", "metrics")


def lines(session: Session, job_id: str, most: int) -> Iterator[str]:
    """A job's row, lease, last `most` events, levels and files."""
    row = session.get(JobTable, job_id)
    if row is None:
        raise PruneryError("not_found", f"There is no job {job_id} in this database.")
    yield f"{row.id} is {row.status}: {_in_short(session, row)}"
    yield ""
    for column in JobTable.__table__.columns:
        value = getattr(row, column.name)
        if value is not None and column.name not in QUIET:
            yield f"  {column.name:22} {_shown(value)}"
    yield from _events(session, job_id, most)
    yield from _levels(session, job_id)
    yield from _files(session, job_id)


def _in_short(session: Session, row: JobTable) -> str:
    """What it waits for, or what came of it."""
    now = clock.shared_now(session)
    if row.status == "queued":
        sent = f"sent {_ago(row.dispatched_at, now)}" if row.dispatched_at else "not sent yet"
        return f"in queue {row.queue} since {_ago(row.queued_at, now)}, {sent}"
    if row.status in ("running", "cancelling"):
        if row.lease_until is None or row.lease_until < now:
            return "its lease has run out; a reaper takes it back"
        lives = session.get(WorkerTable, row.worker) if row.worker else None
        known = "" if lives else ", which is not among the living"
        left = (row.lease_until - now).total_seconds()
        return f"attempt {row.attempt} by {row.worker}{known}, lease good for {left:.0f} s"
    if row.error is not None:
        return f"{row.error['code']}: {row.error['detail']}"
    return f"ended {_ago(row.finished_at, now)}" if row.finished_at else "stopped at a checkpoint"


def _events(session: Session, job_id: str, most: int) -> Iterator[str]:
    query = select(JobEventTable).where(JobEventTable.job_id == job_id)
    found = session.scalars(query.order_by(JobEventTable.seq.desc()).limit(most)).all()
    yield from ("", f"last {len(found)} events")
    for event in reversed(found):
        yield f"  {event.seq:5} {event.created_at:%H:%M:%S} {event.type:9} {_shown(event.data)}"


def _levels(session: Session, job_id: str) -> Iterator[str]:
    query = select(JobLevelTable).where(JobLevelTable.job_id == job_id)
    found = session.scalars(query.order_by(JobLevelTable.level)).all()
    yield from ("", f"{len(found)} finished levels")
    for level in found:
        chosen = "  chosen" if level.chosen else ""
        figures = level.figures
        yield (
            f"  {level.level:3} attempt {level.attempt}  metric {figures.get('metric')}  "
            f"parameters {figures.get('parameters')}{chosen}"
        )


def _files(session: Session, job_id: str) -> Iterator[str]:
    query = select(ArtifactTable).where(ArtifactTable.job_id == job_id)
    found = session.scalars(query.order_by(ArtifactTable.name)).all()
    yield from ("", f"{len(found)} files")
    for file in found:
        yield f"  {file.size_bytes:12,} {file.sha256[:12]} {file.name}  ({file.storage_key})"


def _ago(moment: datetime, now: datetime) -> str:
    return f"{(now - moment).total_seconds():.0f} s ago"


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    text = str(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
