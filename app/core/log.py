"""Logs on stderr: JSON lines in production, plain lines at a desk. Ids are bound where known."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from app.core.settings import Settings

LONGEST_TEXT = 4_000


def configure(settings: Settings, process: str) -> None:
    """Send our log and the libraries' to one place, every line with the process's name."""

    def name(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        event["process"] = process
        return event

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _cut,
    ]
    production = settings.mode == "production"
    renderer: Any = structlog.processors.JSONRenderer()
    if not production:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    for noisy in ("alembic", "celery", "kombu"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _cut(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Cut what users or engines wrote: a log line is no place for a novel."""
    for name, value in event.items():
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            event[name] = value[:LONGEST_TEXT] + "..."
    return event
