"""A job's events as they happen (Server-Sent Events), holding no thread and no session meanwhile.

    id: 7
    event: progress
    data: {"progress": 0.41, "epoch": 2, "epochs": 10, "eta_seconds": 30.5}

The terminal event ends the stream. A client that comes back with Last-Event-ID goes on behind it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence

from starlette.concurrency import run_in_threadpool

from app.context import Context
from app.core.tables import JobEventTable
from app.jobs.repository import JobRepository
from app.jobs.schemas import JobEventView

BATCH = 500
# A comment now and then keeps proxies from closing a quiet stream.
QUIET_SECONDS = 15.0


def view(row: JobEventTable) -> JobEventView:
    return JobEventView(id=row.seq, type=row.type, data=row.data, created_at=row.created_at)


def is_last(row: JobEventTable) -> bool:
    """Whether nothing can follow this event."""
    return row.type == "status" and bool(row.data.get("is_terminal"))


async def lines(ctx: Context, owner_id: str, job_id: str, after: int) -> AsyncIterator[bytes]:
    """The stream's bytes, from the event behind `after` to the terminal one."""
    yield b"retry: 1000\n\n"
    with ctx.watch.on(job_id) as watcher:
        while True:
            seen = watcher.version
            rows = await run_in_threadpool(read, ctx, owner_id, job_id, after)
            for row in rows:
                yield _encode(row)
                after = row.seq
                if is_last(row):
                    return
            if len(rows) < BATCH and not await watcher.changed(seen, QUIET_SECONDS):
                yield b": still here\n\n"


def read(
    ctx: Context, owner_id: str, job_id: str, after: int, limit: int = BATCH
) -> Sequence[JobEventTable]:
    """Events behind `after`, oldest first."""
    with ctx.database.reading() as session:
        return JobRepository(session, owner_id).events(job_id, after, limit)


def _encode(row: JobEventTable) -> bytes:
    data = json.dumps(row.data, separators=(",", ":"))
    return f"id: {row.seq}\nevent: {row.type}\ndata: {data}\n\n".encode()
