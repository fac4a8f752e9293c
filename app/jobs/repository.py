"""Queries over jobs; every one is bound to an owner."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.core import clock
from app.core.tables import (
    ArtifactTable,
    DatasetTable,
    JobEventTable,
    JobLevelTable,
    JobTable,
    ModelTable,
    WorkerTable,
)
from prunery.specs.job import TERMINAL, Status

_FINAL = [str(status) for status in TERMINAL]


class JobRepository:
    """Jobs of one owner, and what belongs to them."""

    def __init__(self, session: Session, owner_id: str) -> None:
        self._session, self._owner_id = session, owner_id
        self._mine = select(JobTable).where(JobTable.owner_id == owner_id)

    def find(self, job_id: str) -> JobTable | None:
        """One row, as the database has it now."""
        query = self._mine.where(JobTable.id == job_id).execution_options(populate_existing=True)
        return self._session.scalars(query).one_or_none()

    def page(self, limit: int, after: str | None, status: str | None) -> Sequence[JobTable]:
        """Newest first; one row more than `limit`, which says whether there is a next page."""
        query = self._mine.order_by(JobTable.id.desc()).limit(limit + 1)
        if after is not None:
            query = query.where(JobTable.id < after)
        if status is not None:
            query = query.where(JobTable.status == status)
        return self._session.scalars(query).all()

    def active(self) -> int:
        """How many jobs of this owner are unfinished."""
        query = select(func.count()).where(
            JobTable.owner_id == self._owner_id, JobTable.status.not_in(_FINAL)
        )
        return int(self._session.scalars(query).one())

    def add(self, row: JobTable) -> None:
        """Insert a job."""
        self._session.add(row)
        self._session.flush()

    def move(
        self, job_id: str, sources: Iterable[Status], target: Status | None, **values: Any
    ) -> bool:
        """Change a job that stands in one of `sources`; whether it did.

        `target` None leaves the status as it is.
        """
        if target is not None:
            values["status"] = str(target)
        moved = (
            update(JobTable)
            .where(
                JobTable.id == job_id,
                JobTable.owner_id == self._owner_id,
                JobTable.status.in_([str(status) for status in sources]),
            )
            .values(**values)
            .returning(JobTable.id)
            .execution_options(synchronize_session=False)
        )
        return self._session.execute(moved).first() is not None

    def events(self, job_id: str, after: int, limit: int) -> Sequence[JobEventTable]:
        """What happened after event `after`, oldest first."""
        query = (
            select(JobEventTable)
            .where(
                JobEventTable.owner_id == self._owner_id,
                JobEventTable.job_id == job_id,
                JobEventTable.seq > after,
            )
            .order_by(JobEventTable.seq)
            .limit(limit)
        )
        return self._session.scalars(query).all()

    def levels(self, job_id: str) -> Sequence[JobLevelTable]:
        """Finished levels, the dense model first."""
        query = (
            select(JobLevelTable)
            .where(JobLevelTable.owner_id == self._owner_id, JobLevelTable.job_id == job_id)
            .order_by(JobLevelTable.level)
        )
        return self._session.scalars(query).all()

    def artifacts(self, job_ids: Iterable[str]) -> dict[str, list[ArtifactTable]]:
        """What each job hands over."""
        query = (
            select(ArtifactTable)
            .where(
                ArtifactTable.owner_id == self._owner_id, ArtifactTable.job_id.in_(list(job_ids))
            )
            .order_by(ArtifactTable.name)
        )
        found: dict[str, list[ArtifactTable]] = defaultdict(list)
        for row in self._session.scalars(query):
            found[row.job_id].append(row)
        return found

    def artifact(self, job_id: str, name: str) -> ArtifactTable | None:
        """One file by its name."""
        query = select(ArtifactTable).where(
            ArtifactTable.owner_id == self._owner_id,
            ArtifactTable.job_id == job_id,
            ArtifactTable.name == name,
        )
        return self._session.scalars(query).one_or_none()

    def queue_position(self, row: JobTable) -> int:
        """1 for the job that is next; everybody's jobs wait in one queue."""
        query = select(func.count()).where(
            JobTable.status == str(Status.QUEUED),
            JobTable.queue == row.queue,
            (JobTable.queued_at < row.queued_at)
            | ((JobTable.queued_at == row.queued_at) & (JobTable.id < row.id)),
        )
        return int(self._session.scalars(query).one()) + 1


def versions(session: Session, ids: frozenset[str]) -> dict[str, Hashable]:
    """(status, number of the last event) by id, for those who wait.

    The ids come from rows that were looked up by their owner.
    """
    query = select(JobTable.id, JobTable.status, JobTable.last_seq).where(JobTable.id.in_(ids))
    return {row_id: (status, seq) for row_id, status, seq in session.execute(query)}


def workers(session: Session, silent_for: timedelta) -> Sequence[WorkerTable]:
    """Workers that were heard of lately."""
    since = clock.shared_now(session) - silent_for
    return session.scalars(select(WorkerTable).where(WorkerTable.seen_at > since)).all()


class Finished(NamedTuple):
    """What one succeeded job was to do, and how long it took without a break."""

    recipe: dict[str, Any]
    model: dict[str, Any]
    dataset: dict[str, Any] | None
    options: dict[str, Any] | None
    seconds: float


def finished_lately(session: Session, limit: int) -> Iterator[Finished]:
    """Everybody's last jobs: how fast this service is belongs to nobody."""
    query = (
        select(
            JobTable.recipe,
            ModelTable.summary,
            DatasetTable.summary,
            DatasetTable.options,
            JobTable.started_at,
            JobTable.finished_at,
        )
        .join(ModelTable, ModelTable.id == JobTable.model_id)
        .join(DatasetTable, DatasetTable.id == JobTable.dataset_id, isouter=True)
        .where(
            JobTable.status == str(Status.SUCCEEDED),
            JobTable.kind == "prune",
            JobTable.attempt == 1,
            JobTable.started_at.is_not(None),
            JobTable.finished_at.is_not(None),
            ModelTable.summary.is_not(None),
        )
        .order_by(JobTable.finished_at.desc())
        .limit(limit)
    )
    for recipe, model, dataset, options, started_at, finished_at in session.execute(query):
        seconds = (finished_at - started_at).total_seconds()
        yield Finished(recipe, model, dataset, options, seconds)


def oldest_queued(session: Session) -> datetime | None:
    """Since when the job that has waited longest waits."""
    query = select(func.min(JobTable.queued_at)).where(JobTable.status == str(Status.QUEUED))
    return session.scalars(query).one()


def counts(session: Session) -> dict[str, int]:
    """Jobs by status, for the operator."""
    query = select(JobTable.status, func.count()).group_by(JobTable.status)
    return {status: int(count) for status, count in session.execute(query)}
