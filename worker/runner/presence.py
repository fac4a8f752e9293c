"""Say in the database that this worker lives, and inside which walls it runs engines."""

from __future__ import annotations

import threading
from datetime import timedelta

import structlog
from sqlalchemy import delete
from sqlalchemy.exc import DBAPIError

from app.core import clock
from app.core.tables import WorkerTable
from prunery import __version__
from worker.runner.context import Context
from worker.runner.sandbox import probe

FORGOTTEN = timedelta(hours=1)
log = structlog.get_logger()


class Presence(threading.Thread):
    """Renews this worker's row as often as a lease is renewed; takes it away at the end."""

    def __init__(self, context: Context, queues: list[str], over: threading.Event) -> None:
        super().__init__(name="presence", daemon=True)
        self._context = context
        self._queues = queues
        self._over = over
        self._started_at = clock.now()

    def run(self) -> None:
        walls = probe.walls()
        log.info("sandbox", walls=walls.describe())
        while True:
            try:
                self._say(walls)
            except DBAPIError as error:
                log.warning("presence_failed", error=str(error.orig)[:200])
            if self._over.wait(self._context.settings.heartbeat_seconds):
                break
        self._leave()

    def _say(self, walls: probe.Walls) -> None:
        with self._context.database.session() as session:
            now = clock.shared_now(session)
            session.merge(
                WorkerTable(
                    id=self._context.worker,
                    queues=",".join(self._queues),
                    sandbox=walls._asdict(),
                    version=__version__,
                    started_at=self._started_at,
                    seen_at=now,
                )
            )
            session.execute(delete(WorkerTable).where(WorkerTable.seen_at < now - FORGOTTEN))

    def _leave(self) -> None:
        try:
            with self._context.database.session() as session:
                mine = WorkerTable.id == self._context.worker
                session.execute(delete(WorkerTable).where(mine))
        except DBAPIError as error:
            log.warning("presence_failed", error=str(error.orig)[:200])
