"""Run one engine as a child inside the walls, hand on what it says, and see how it ends."""

from __future__ import annotations

import dataclasses
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog
from pydantic import ValidationError

from app.core.settings import Settings
from prunery.specs.errors import Problem
from prunery.specs.events import DoneEvent, Event, ProblemEvent, parse
from prunery.specs.job import EngineSpec
from worker.runner.heartbeat import Asked, Lease
from worker.runner.sandbox import policy, probe
from worker.runner.sandbox.enter import MISSING
from worker.runner.workspace import Workspace

ENTER, ENGINE = "worker.runner.sandbox.enter", "worker.engine"
INTERRUPTED = 75  # EX_TEMPFAIL: stopped as asked, after a checkpoint
LONGEST_LINE = 64 * 1024 * 1024
TAIL = 4_000
log = structlog.get_logger()


@dataclasses.dataclass(frozen=True)
class Ending:
    """How an engine ended. `asked` is why we told it to stop, if we did."""

    code: int
    last: DoneEvent | ProblemEvent | None
    asked: Asked | None
    seconds: float

    @property
    def done(self) -> DoneEvent | None:
        return self.last if isinstance(self.last, DoneEvent) and self.code == 0 else None

    @property
    def problem(self) -> Problem | None:
        return self.last.problem if isinstance(self.last, ProblemEvent) else None

    def describe(self) -> str:
        """What was seen, for a person: no paths, no traces."""
        if self.code == MISSING:
            return "a wall of the sandbox could not be raised"
        if self.code < 0:
            return f"signal {signal.Signals(-self.code).name}"
        return f"exit code {self.code}"


def supervise(
    spec: EngineSpec,
    workspace: Workspace,
    lease: Lease,
    settings: Settings,
    listen: Callable[[Event], None],
    *,
    readable: tuple[Path, ...],
    writable: tuple[Path, ...] = (),
) -> Ending:
    """Start an engine, pass its events to `listen`, and return when it has ended.

    What `listen` raises ends the engine and goes on up.
    """
    began = time.monotonic()
    last: DoneEvent | ProblemEvent | None = None
    _write_control(spec, workspace, settings, readable, writable)
    process, reader = _start(workspace, settings)
    lease.attach(process)
    try:
        for line in _lines(reader):
            event = _read(line)
            lease.heard()
            if isinstance(event, DoneEvent | ProblemEvent):
                last = event
            else:
                listen(event)
        process.wait()
    except _NonsenseError as error:
        log.warning("engine_nonsense", error=str(error))
        lease.kill()
        process.wait()
    finally:
        os.close(reader)
        lease.kill()
        process.wait()
        lease.attach(None)
    ending = Ending(process.returncode, last, lease.asked, time.monotonic() - began)
    log.info("engine_ended", how=ending.describe(), seconds=round(ending.seconds, 1))
    if ending.code not in (0, INTERRUPTED) and lease.asked is None:
        log.warning("engine_output", tail=tail(workspace))
    return ending


def tail(workspace: Workspace) -> str:
    """The last of what the engine printed; for the log only."""
    with (workspace.control / "output").open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
        return file.read().decode(errors="replace")


def _write_control(
    spec: EngineSpec,
    workspace: Workspace,
    settings: Settings,
    readable: tuple[Path, ...],
    writable: tuple[Path, ...],
) -> None:
    (workspace.control / "spec.json").write_text(spec.model_dump_json())
    walls = probe.walls()
    rules = policy.Policy(
        readable=(*policy.code(), str(workspace.control), *map(str, readable)),
        writable=(*map(str, workspace.writable), *map(str, writable)),
        file_bytes=settings.engine_file_bytes,
        memory_bytes=settings.engine_memory_bytes,
        landlock=walls.landlock,
        seccomp=walls.seccomp,
    )
    (workspace.control / "policy.json").write_text(rules.to_json())


def _start(workspace: Workspace, settings: Settings) -> tuple[subprocess.Popen[bytes], int]:
    reader, writer = os.pipe()
    control = workspace.control
    # -I: nothing from the environment or the current folder decides what is imported.
    interpreter = [sys.executable, "-I", "-B", "-X", "utf8"]
    enter = ["-m", ENTER, str(control / "policy.json")]
    engine = [ENGINE, str(control / "spec.json"), "--events-fd", str(writer)]
    try:
        with (control / "output").open("wb") as output:
            process = subprocess.Popen(  # noqa: S603
                [*interpreter, *enter, *engine],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(writer,),
                env=_environment(workspace, settings),
                cwd=workspace.work,
                start_new_session=True,
            )
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    return process, reader


def _environment(workspace: Workspace, settings: Settings) -> dict[str, str]:
    """An allow-list: no secret of the service may be in it."""
    home = str(workspace.home)
    environment = {
        "HOME": home,
        "TMPDIR": home,
        "KERAS_HOME": home,
        "KERAS_BACKEND": "tensorflow",
        "LANG": "C.UTF-8",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "HDF5_PLUGIN_PATH": "::",
        "PRUNERY_RUNNER_PID": str(os.getpid()),
    }
    if settings.engine_threads is not None:
        threads = str(settings.engine_threads)
        for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            environment[name] = threads
    for name in ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "LD_LIBRARY_PATH"):
        if (value := os.environ.get(name)) is not None:
            environment[name] = value
    return environment


_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


class _NonsenseError(Exception):
    """The engine wrote what is no event."""


def _lines(reader: int) -> Iterator[bytes]:
    pending = bytearray()
    while True:
        if not (data := os.read(reader, 1 << 16)):
            return
        pending += data
        *lines, rest = pending.split(b"\n")
        pending = bytearray(rest)
        if len(pending) > LONGEST_LINE:
            raise _NonsenseError("a line without an end")
        yield from map(bytes, lines)


def _read(line: bytes) -> Event:
    try:
        # Postgres stores every text but one with this character.
        event = parse(_NUL.sub(rb"\1", line))
    except ValidationError as error:
        raise _NonsenseError(f"{error.error_count()} errors in an event") from error
    shares = [value for value in vars(event).values() if isinstance(value, float)]
    if not all(map(math.isfinite, shares)):
        raise _NonsenseError("a number that is none")
    return event


def walls_line() -> str:
    """Which walls are in force here, as the spec and the report name them."""
    return probe.walls().describe()
