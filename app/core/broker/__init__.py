"""Wake-ups for the workers: "look at this row", nothing else. The database is the truth.

Losing every message loses no job: the reaper sends again what nobody answered. Celery is imported
when the first message is sent, so that the API starts without it.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Literal

from sqlalchemy import update

from app.core import clock
from app.core.tables import DatasetTable, JobTable, ModelTable

if TYPE_CHECKING:
    from celery import Celery

    from app.core.database import Database
    from app.core.settings import Settings

Subject = Literal["job", "model", "dataset"]
TASKS: dict[Subject, str] = {
    "job": "prunery.run_job",
    "model": "prunery.check_model",
    "dataset": "prunery.check_dataset",
}
TABLES: dict[Subject, type[JobTable | ModelTable | DatasetTable]] = {
    "job": JobTable,
    "model": ModelTable,
    "dataset": DatasetTable,
}
CHECKS = "checks"
QUEUES = ("cpu", "gpu", CHECKS)
AWAY_SECONDS = 10.0


class Broker:
    """Sends wake-ups. Make one per process; it connects when it is first used."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._celery: Celery | None = None
        self._lock = threading.Lock()
        self._away_until = 0.0

    @property
    def celery(self) -> Celery:
        with self._lock:
            if self._celery is None:
                from app.core.broker.connect import make_celery

                self._celery = make_celery(self._settings)
            return self._celery

    def wake(self, subject: Subject, row_id: str, queue: str) -> None:
        """Send one message; raises what the broker raises."""
        self.celery.send_task(
            TASKS[subject], args=[row_id], queue=queue, ignore_result=True, retry=False
        )

    def publish(self, database: Database, subject: Subject, row_id: str, queue: str) -> bool:
        """Wake a worker for a row that is already committed, and note it; False if that failed.

        A failure is no error: the row waits, and the reaper sends it again.
        """
        if time.monotonic() < self._away_until:
            return False
        try:
            self.wake(subject, row_id, queue)
        except Exception as error:
            # Each try takes seconds: the next requests shall not wait for it.
            self._away_until = time.monotonic() + AWAY_SECONDS
            import structlog

            structlog.get_logger().warning(
                "broker_unreachable", subject=subject, id=row_id, error=str(error)[:200]
            )
            return False
        table = TABLES[subject]
        with database.session() as session:
            session.execute(
                update(table).where(table.id == row_id).values(dispatched_at=clock.now())
            )
        return True

    def is_up(self) -> bool:
        """Whether the broker takes messages."""
        try:
            with self.celery.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, timeout=3)
        except Exception:
            return False
        return True

    def close(self) -> None:
        if self._celery is not None:
            self._celery.close()
