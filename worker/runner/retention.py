"""Delete files past their time. Rows stay and say so by `deleted_at`."""

from __future__ import annotations

from sqlalchemy import delete, or_, select, update

from app.core import clock
from app.core.tables import ArtifactTable, DatasetTable, JobTable, ModelTable
from prunery.specs.job import TERMINAL
from worker.runner.context import Context

AT_A_TIME = 100


def expire_jobs(context: Context) -> None:
    """Delete what finished jobs left in storage, once their time is over."""
    now = clock.now()
    due = (JobTable.expires_at < now, JobTable.deleted_at.is_(None), JobTable.status.in_(TERMINAL))
    with context.database.reading() as session:
        job_ids = list(session.scalars(select(JobTable.id).where(*due).limit(AT_A_TIME)))
    for job_id in job_ids:
        # Files first: a crash in between only means to delete nothing, later.
        context.storage.delete_prefix(f"jobs/{job_id}")
        with context.database.session() as session:
            session.execute(delete(ArtifactTable).where(ArtifactTable.job_id == job_id))
            mark = update(JobTable).where(JobTable.id == job_id).values(deleted_at=now)
            session.execute(mark)


def forget_checkpoints(context: Context) -> None:
    """Delete the checkpoints of jobs that are over: nobody goes on from them."""
    over = (JobTable.checkpoint.is_not(None), JobTable.status.in_(TERMINAL))
    with context.database.reading() as session:
        job_ids = list(session.scalars(select(JobTable.id).where(*over).limit(AT_A_TIME)))
    for job_id in job_ids:
        context.storage.delete_prefix(f"jobs/{job_id}/checkpoint")
        with context.database.session() as session:
            session.execute(update(JobTable).where(JobTable.id == job_id).values(checkpoint=None))


def expire_uploads(context: Context) -> None:
    """Delete uploads past their time that no unfinished job needs."""
    tables: tuple[type[ModelTable | DatasetTable], ...] = (ModelTable, DatasetTable)
    for table in tables:
        now = clock.now()
        needs = or_(
            JobTable.model_id == table.id,
            JobTable.initial_model_id == table.id,
            JobTable.dataset_id == table.id,
        )
        unfinished = select(JobTable.id).where(needs, JobTable.status.not_in(TERMINAL)).exists()
        query = (
            select(table)
            .where(table.expires_at < now, table.deleted_at.is_(None), ~unfinished)
            .limit(AT_A_TIME)
        )
        with context.database.reading() as session:
            rows: list[ModelTable | DatasetTable] = list(session.scalars(query))
        for row in rows:
            # Marked first: from here on no job may be made of it.
            mark = (
                update(table)
                .where(table.id == row.id, table.deleted_at.is_(None), ~unfinished)
                .values(deleted_at=now)
                .returning(table.id)
            )
            with context.database.session() as session:
                mine = session.execute(mark).one_or_none() is not None
            if mine:
                context.storage.delete(row.storage_key)
