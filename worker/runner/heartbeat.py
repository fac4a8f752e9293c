"""Keep a lease from a thread of its own, see what is asked, and end the engine accordingly.

The thread is the only one that signals the engine: politely first, then by force.
"""

from __future__ import annotations

import contextlib
import enum
import os
import shutil
import signal
import subprocess
import threading
import time
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import DBAPIError

from app.core import clock
from app.core.database import Database
from app.core.settings import Settings
from app.core.tables import JobTable
from prunery.specs.job import Status
from worker.runner.claim import Claim, LeaseLostError, write

TICK_SECONDS = 0.2
log = structlog.get_logger()


class Asked(enum.Enum):
    """Why an engine is told to stop; the first reason stands, but a lost lease beats all."""

    CANCEL = "the owner cancelled it"
    PAUSE = "the owner paused it"
    DEADLINE = "its deadline passed"
    DISK = "the disk is nearly full"
    SHUTDOWN = "the worker shuts down"
    LOST = "another worker has it"


class Lease:
    """Holds a claim while the block runs: `with Lease(...) as lease`."""

    def __init__(
        self, database: Database, settings: Settings, claim: Claim, stopping: threading.Event
    ) -> None:
        self.asked: Asked | None = None
        self._database = database
        self._settings = settings
        self._claim = claim
        self._stopping = stopping
        self._process: subprocess.Popen[bytes] | None = None
        self._listens = False
        self._finish = self._finish_sent = self._told = False
        self._asked_at: float | None = None
        self._deadline_at: datetime | None = None
        if claim.subject == "job":
            self._deadline_at = claim.job.deadline_at
        else:
            seconds = timedelta(seconds=settings.check_deadline_seconds)
            self._deadline_at = clock.now() + seconds
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"lease-{claim.id}", daemon=True)

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def attach(self, process: subprocess.Popen[bytes] | None) -> None:
        """Name the engine to be signalled; None when it has ended."""
        with self._lock:
            self._process = process
            self._listens = self._finish_sent = self._told = False

    def heard(self) -> None:
        """The engine has spoken: its signal handlers stand."""
        self._listens = True

    def _run(self) -> None:
        renewed = time.monotonic()
        while not self._over.wait(TICK_SECONDS):
            if time.monotonic() - renewed >= self._settings.heartbeat_seconds:
                renewed = time.monotonic()
                self._renew()
                self._watch_disk()
            if self._stopping.is_set():
                self._ask(Asked.SHUTDOWN)
            if self._deadline_at is not None and clock.now() > self._deadline_at:
                self._ask(Asked.DEADLINE)
            self._signal()

    def _renew(self) -> None:
        """Push the lease out. A database that is down loses nothing: nobody else can claim then."""
        column = "lease_until" if self._claim.subject == "job" else "check_lease_until"
        lease = timedelta(seconds=self._settings.lease_seconds)
        try:
            with self._database.session() as session:
                until = clock.shared_now(session) + lease
                row = write(session, self._claim, **{column: until})
        except LeaseLostError:
            # Without an engine it may be our own last write that has let go.
            if self._process is not None:
                log.warning("lease_lost", id=self._claim.id, attempt=self._claim.attempt)
            self._ask(Asked.LOST)
            return
        except DBAPIError as error:
            log.warning("heartbeat_failed", id=self._claim.id, error=str(error.orig)[:200])
            return
        if isinstance(row, JobTable):
            self._obey(row)

    def _watch_disk(self) -> None:
        """One job must not take the room that all others need."""
        free = shutil.disk_usage(self._settings.work_dir).free
        if self._claim.subject == "job" and free < self._settings.min_free_disk_bytes / 2:
            log.error("disk_nearly_full", free_bytes=free)
            self._ask(Asked.DISK)

    def _obey(self, job: JobTable) -> None:
        if job.status == Status.CANCELLING:
            self._ask(Asked.CANCEL)
        elif job.pause_requested_at is not None:
            self._ask(Asked.PAUSE)
        self._finish = job.finish_requested_at is not None
        self._deadline_at = job.deadline_at

    def _ask(self, reason: Asked) -> None:
        if self.asked is None:
            self._asked_at = time.monotonic()
            self.asked = reason
        elif reason is Asked.LOST or (reason is Asked.CANCEL and self.asked is not Asked.LOST):
            self.asked = reason

    def _signal(self) -> None:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                return
            if self.asked is None:
                # A signal before the handler stands would kill.
                if self._finish and self._listens and not self._finish_sent:
                    self._process.send_signal(signal.SIGUSR1)
                    self._finish_sent = True
                return
            waited = time.monotonic() - (self._asked_at or 0.0)
            if self.asked is Asked.LOST or waited > self._settings.stop_grace_seconds:
                self._kill(self._process)
            elif not self._told:
                self._process.send_signal(signal.SIGTERM)
                self._told = True

    def kill(self) -> None:
        """End the engine and whatever it may have started, now."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                self._kill(self._process)

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
