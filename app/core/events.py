"""The event log of a job: numbered without gaps, in the order in which sessions commit.

status    {"status", "is_terminal", "attempt"}; a terminal one is the last event
stage     {"stage", "level", "levels"}
progress  {"progress", "epoch", "epochs", "eta_seconds"}
level     {"level", "figures", "within_limit"}
warning   {"code", "message"}
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.core import clock
from app.core.tables import JobEventTable, JobTable
from prunery.specs.job import TERMINAL, Status


def append(session: Session, job_id: str, kind: str, data: dict[str, Any]) -> int:
    """Write an event and return its number; the job's row stays locked until the session ends.

    The lock is what makes numbers appear in order: a reader that saw 7 never meets a late 6.
    """
    numbered = (
        update(JobTable)
        .where(JobTable.id == job_id)
        .values(last_seq=JobTable.last_seq + 1)
        .returning(JobTable.last_seq, JobTable.owner_id)
        .execution_options(synchronize_session=False)
    )
    seq, owner_id = session.execute(numbered).one()
    session.add(
        JobEventTable(
            job_id=job_id,
            seq=seq,
            owner_id=owner_id,
            type=kind,
            data=data,
            created_at=clock.now(),
        )
    )
    return int(seq)


def append_status(session: Session, job_id: str, status: Status, attempt: int) -> int:
    """Write the event that a change of status brings; call it in the session that made it."""
    data = {"status": str(status), "is_terminal": status in TERMINAL, "attempt": attempt}
    return append(session, job_id, "status", data)
