"""Outlive a database that is away for a while: a job of hours must not die of its restart."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

LONGEST_SECONDS = 600.0
log = structlog.get_logger()


def patiently(action: Callable[[], None]) -> None:
    """Do `action`, again and again while the database does not answer; it must be one session."""
    began, pause = time.monotonic(), 0.5
    while True:
        try:
            action()
        except (OperationalError, InterfaceError) as error:
            if time.monotonic() - began > LONGEST_SECONDS:
                raise
            log.warning("database_away", error=str(error.orig)[:200])
            time.sleep(pause)
            pause = min(pause * 2, 15.0)
        else:
            return
