"""Queries over uploads; every one is bound to an owner."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from app.core.tables import ArtifactTable, DatasetTable, JobTable, ModelTable
from app.uploads.kinds import Kind, UploadTable
from prunery.specs.job import TERMINAL


class UploadRepository:
    """Models or datasets of one owner.

    `deleted_at` says that the bytes are gone: such a row is out of sight, unless it was rejected,
    when it stays to say why.
    """

    def __init__(self, session: Session, owner_id: str, kind: Kind) -> None:
        # Any: which of the two tables it is makes no difference to these queries.
        table: Any = kind.table
        self._session, self._table = session, table
        self._mine: Select[Any] = select(table).where(table.owner_id == owner_id, visible(table))

    def find(self, upload_id: str, *, keep: bool = False) -> UploadTable | None:
        """One row; `keep` locks it, so that a job is not made while its upload is deleted."""
        query = self._mine.where(self._table.id == upload_id)
        if keep:
            query = query.with_for_update()
        row: UploadTable | None = self._session.scalars(query).one_or_none()
        return row

    def page(self, limit: int, after: str | None) -> Sequence[UploadTable]:
        """Newest first; one row more than `limit`, which says whether there is a next page."""
        query = self._mine.order_by(self._table.id.desc()).limit(limit + 1)
        if after is not None:
            query = query.where(self._table.id < after)
        return self._session.scalars(query).all()

    def same(
        self, sha256: str, filename: str, options: dict[str, Any] | None
    ) -> UploadTable | None:
        """The row of an upload that had the same bytes, name and options."""
        query = self._mine.where(
            self._table.sha256 == sha256,
            self._table.filename == filename,
            self._table.status != "rejected",
        ).order_by(self._table.id.desc())
        row: UploadTable
        for row in self._session.scalars(query):
            if options is None or getattr(row, "options", None) == options:
                return row
        return None

    def add(self, row: UploadTable) -> None:
        """Insert a row."""
        self._session.add(row)
        self._session.flush()

    def take_away(self, row: UploadTable, moment: datetime) -> None:
        """Put a row out of sight; jobs of the past may still name it, unless it was rejected."""
        if row.status == "rejected":
            self._session.delete(row)
        else:
            row.deleted_at = moment


def visible(table: type[UploadTable]) -> ColumnElement[bool]:
    """The condition under which an owner sees a row."""
    return or_(table.deleted_at.is_(None), table.status == "rejected")


def is_used(session: Session, owner_id: str, upload_id: str) -> bool:
    """Whether an unfinished job needs this upload."""
    query = select(JobTable.id).where(
        JobTable.owner_id == owner_id,
        JobTable.status.not_in([str(status) for status in TERMINAL]),
        (JobTable.model_id == upload_id)
        | (JobTable.dataset_id == upload_id)
        | (JobTable.initial_model_id == upload_id),
    )
    return session.scalars(query.limit(1)).first() is not None


def stored_bytes(session: Session, owner_id: str) -> int:
    """Bytes that an owner's uploads and results take."""
    total = 0
    for table in (ModelTable, DatasetTable):
        kept = select(func.coalesce(func.sum(table.size_bytes), 0)).where(
            table.owner_id == owner_id, table.deleted_at.is_(None), table.status != "rejected"
        )
        total += int(session.scalars(kept).one())
    results = (
        select(func.coalesce(func.sum(ArtifactTable.size_bytes), 0))
        .join(JobTable, JobTable.id == ArtifactTable.job_id)
        .where(ArtifactTable.owner_id == owner_id, JobTable.deleted_at.is_(None))
    )
    return total + int(session.scalars(results).one())


def statuses(session: Session, kind: Kind, ids: frozenset[str]) -> dict[str, str]:
    """Status by id, for those who wait; ids come from rows that were looked up by their owner."""
    table: type[UploadTable] = kind.table
    query = select(table.id, table.status).where(table.id.in_(ids), visible(table))
    return {row.id: row.status for row in session.execute(query)}
