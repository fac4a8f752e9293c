"""A log line names its process and its job, is JSON in production, and is never a novel."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from app.core import log
from app.core.settings import Settings


@pytest.fixture
def restored() -> Iterator[None]:
    """Logging as it was before."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.usefixtures("restored")
def test_production_writes_json_with_ids(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings(mode="production"), "worker-cpu")
    with structlog.contextvars.bound_contextvars(job_id="job_1"):
        structlog.get_logger("test").warning("engine_ended", tail="x" * 10_000)
        logging.getLogger("some.library").warning("from a library")
    ours, theirs = map(json.loads, capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["process"], ours["job_id"]) == (
        "engine_ended", "worker-cpu", "job_1"
    )  # fmt: skip
    assert len(ours["tail"]) < 4_100
    assert (theirs["event"], theirs["process"]) == ("from a library", "worker-cpu")


@pytest.mark.usefixtures("restored")
def test_a_desk_reads_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Settings(mode="embedded", log_level="WARNING"), "up")
    structlog.get_logger("test").info("too little")
    structlog.get_logger("test").warning("child_ended", code=-9)
    (line,) = capsys.readouterr().err.splitlines()
    assert "child_ended" in line
    assert "code=-9" in line
