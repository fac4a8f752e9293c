"""The worker's Celery application: the shared one, with tasks, a reaper beside it, and an end.

Threads, not processes: the work is done by the engine, a child of its own, and the thread that
started a child must outlive it.
"""

from __future__ import annotations

import threading
from typing import Any

import structlog
from celery import Celery, signals

from app.core import settings
from app.core.broker.connect import make_celery
from worker.runner.context import current
from worker.runner.presence import Presence
from worker.runner.reap import Reaper

log = structlog.get_logger()


def make(queues: list[str]) -> Celery:
    """Make it for a worker of these queues."""
    from worker import tasks

    celery = make_celery(settings.load())
    tasks.register(celery)
    current().queues.update(queues)
    over = threading.Event()
    keepers = (Reaper(current(), over), Presence(current(), queues, over))

    @signals.setup_logging.connect(weak=False)
    def keep_our_logging(**_: Any) -> None:
        """Celery leaves logging alone when somebody answers this."""

    @signals.worker_ready.connect(weak=False)
    def start(**_: Any) -> None:
        for keeper in keepers:
            keeper.start()
        log.info("worker_ready", queues=queues, worker=current().worker)

    @signals.worker_shutting_down.connect(weak=False)
    def stop(**_: Any) -> None:
        # A signal handler: set a flag, nothing else. Engines are stopped by their lease's thread.
        current().stopping.set()

    @signals.worker_shutdown.connect(weak=False)
    def end(**_: Any) -> None:
        over.set()
        for keeper in keepers:
            keeper.join(timeout=5)

    return celery
