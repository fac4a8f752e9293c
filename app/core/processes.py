"""Keep child processes alive, and take all of them along at the end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType

import structlog

log = structlog.get_logger()
PR_SET_PDEATHSIG = 1
# A child that lived this long was healthy: the next restart is quick again.
HEALTHY_SECONDS = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0


class Child:
    """One process that is started again whenever it ends."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], fds: Sequence[int]
    ) -> None:
        self.name = name
        self._command = list(command)
        self._environment = dict(environment)
        self._fds = tuple(fds)
        self._pause = FIRST_PAUSE
        self._due = 0.0
        self._started = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def look(self) -> None:
        """Start it if it is not running and its pause is over."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            log.warning("child_ended", child=self.name, code=self.process.returncode)
            self._pause = (
                FIRST_PAUSE
                if now - self._started > HEALTHY_SECONDS
                else min(self._pause * 2, LONGEST_PAUSE)
            )
            self._due, self.process = now + self._pause, None
        if self.process is None and now >= self._due:
            self._started = now
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                pass_fds=self._fds,
                # A group of its own: Ctrl-C reaches the supervisor alone, which ends all in order.
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
            log.info("child_started", child=self.name, pid=self.process.pid)

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


class Supervisor:
    """Runs children until SIGINT or SIGTERM: `Supervisor(grace).add(...); .run()`."""

    def __init__(self, grace_seconds: float) -> None:
        self._grace_seconds = grace_seconds
        self._children: list[Child] = []
        self._stopping = threading.Event()

    def add(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        fds: Sequence[int] = (),
    ) -> None:
        """Add `python ARGUMENTS`; its environment is ours with `environment` laid over it."""
        command = [sys.executable, *arguments]
        self._children.append(Child(name, command, {**os.environ, **(environment or {})}, fds))

    def run(self, tick: Callable[[], None] | None = None) -> None:
        """Start everything and watch over it; call from the main thread, which must live on."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        try:
            while not self._stopping.is_set():
                for child in self._children:
                    child.look()
                if tick is not None:
                    tick()
                self._stopping.wait(0.2)
        finally:
            self._end()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping.set()

    def _end(self) -> None:
        """Politely first; whoever asks a second time, or waits too long, gets force."""
        self._stopping.clear()
        for child in self._children:
            if child.process is not None and child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self._grace_seconds
        while any(c.process is not None and c.process.poll() is None for c in self._children):
            if time.monotonic() > deadline or self._stopping.wait(0.05):
                break
        for child in self._children:
            child.signal(signal.SIGKILL)
            if child.process is not None:
                child.process.wait()


_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    # Where there is no such call (macOS) children end by SIGTERM only.
    if sys.platform == "linux":
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
