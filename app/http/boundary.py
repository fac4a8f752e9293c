"""The outermost layer: request id, access log, metrics, HEAD, and the last catch of an error."""

from __future__ import annotations

import time

import structlog
from obstore.exceptions import BaseError as StorageError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http import metrics, problems, request_id
from prunery.specs.errors import PruneryError

log = structlog.get_logger("http")
_QUIET = ("/healthz", "/readyz", "/metrics")


class Boundary:
    """Whatever happens inside, outside it is an answer with an id, and a line in the log."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        identity = request_id.assign(scope)
        scope = {**scope}
        exchange = _Exchange(scope, send, identity)
        with structlog.contextvars.bound_contextvars(request_id=identity):
            try:
                await self.app(scope, receive, exchange.send)
            except ClientDisconnect:
                exchange.status = exchange.status or 499
            except Exception as cause:
                log.exception("request failed", method=scope["method"], path=scope["path"][:200])
                if exchange.status:  # the answer has begun: breaking it off is all that is left
                    raise
                error = _told(cause)
                await problems.respond(Request(scope), error)(scope, receive, exchange.send)
            finally:
                exchange.record()


def _told(cause: Exception) -> PruneryError:
    """What a client may know of an error that nobody expected."""
    if isinstance(cause, OperationalError | PoolTimeout):
        return PruneryError("service_unavailable", "The database does not answer.")
    if isinstance(cause, StorageError):
        return PruneryError("service_unavailable", "The storage does not answer.")
    return PruneryError("internal", "The server made a mistake; it has been logged.")


class _Exchange:
    """One request on its way out. HEAD is GET without the body."""

    def __init__(self, scope: Scope, send: Send, identity: str) -> None:
        self.scope, self._send, self.identity = scope, send, identity
        self.method = scope["method"]
        self.status = 0
        self.started = time.perf_counter()
        if self.method == "HEAD":
            scope["method"] = "GET"
            scope["prunery.head"] = True

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [
                *message.get("headers", []),
                (request_id.HEADER.lower().encode(), self.identity.encode()),
            ]
        elif self.method == "HEAD":
            message = {**message, "body": b""}
        await self._send(message)

    def record(self) -> None:
        seconds = time.perf_counter() - self.started
        route = getattr(self.scope.get("route"), "path", "other")
        metrics.observe(self.method, route, self.status, seconds)
        if self.scope["path"] not in _QUIET:
            log.info(
                "request",
                method=self.method,
                path=self.scope["path"][:200],
                status=self.status,
                milliseconds=round(seconds * 1000, 1),
            )
