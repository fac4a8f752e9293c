"""The tasks: a message names a row, the runner does the rest. The boundary where errors end."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from celery import Celery

from app.core import ids
from app.core.broker import TASKS
from worker.runner.checks import run_check
from worker.runner.context import current
from worker.runner.jobs import run_job

log = structlog.get_logger()


def register(celery: Celery) -> None:
    """Give the application its tasks."""
    celery.task(name=TASKS["job"])(job)
    celery.task(name=TASKS["model"])(model)
    celery.task(name=TASKS["dataset"])(dataset)


def job(row_id: str) -> None:
    if ids.is_valid(row_id, "job"):
        _guarded(lambda: run_job(current(), row_id), row_id)


def model(row_id: str) -> None:
    if ids.is_valid(row_id, "mdl"):
        _guarded(lambda: run_check(current(), "model", row_id), row_id)


def dataset(row_id: str) -> None:
    if ids.is_valid(row_id, "dst"):
        _guarded(lambda: run_check(current(), "dataset", row_id), row_id)


def _guarded(work: Callable[[], None], row_id: str) -> None:
    if current().stopping.is_set():  # the row waits for somebody who stays
        return
    current().busy.set()
    try:
        work()
    except Exception:
        # The lease runs out and the reaper gives the row to another attempt, a bounded number.
        log.exception("task_failed", id=row_id)
    finally:
        current().busy.clear()
