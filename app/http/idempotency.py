"""Idempotency-Key on POST: the same key and request get the same answer, once it was given.

Uploads need none (the same bytes are the same upload), and a check changes nothing.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.accounts.caller import identify
from app.answers import service
from app.context import Context
from app.http import problems
from prunery.specs.errors import PruneryError

HEADER = "idempotency-key"
REPLAYED = "Idempotency-Replayed"
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_KEPT_HEADERS = ("content-type", "location", "retry-after")


class Idempotency:
    """Answers from what was kept, or lets the request through and keeps its answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = Headers(scope=scope).get(HEADER) if scope["type"] == "http" else None
        if key is None or scope["method"] != "POST" or not scope["path"].startswith("/v1/jobs"):
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            if not _KEY.fullmatch(key):
                raise PruneryError(
                    "request_invalid", "An Idempotency-Key has 1 to 200 printable characters."
                )
            context: Context = scope["app"].state.context
            owner_id = (await identify(request, context)).owner_id
            body = await request.body()
            once = _Once(context, owner_id, key, _fingerprint(scope, body))
            kept = await run_in_threadpool(once.begin)
        except PruneryError as error:
            await problems.respond(request, error)(scope, receive, send)
            return
        if kept is not None:
            await kept(scope, receive, send)
            return
        answer = _Recorder(send)
        try:
            await self.app(scope, _again(body, receive), answer.send)
        finally:
            await run_in_threadpool(once.end, answer)


class _Once:
    """One request under its key."""

    def __init__(self, context: Context, owner_id: str, key: str, fingerprint: str) -> None:
        self._database = context.database
        self._owner_id, self._key, self._fingerprint = owner_id, key, fingerprint

    def begin(self) -> Response | None:
        with self._database.session() as session:
            row = service.begin(session, self._owner_id, self._key, self._fingerprint)
        if row is None:
            return None
        headers = {**(row.headers or {}), REPLAYED: "true"}
        return Response(row.body, row.status or 200, headers)

    def end(self, answer: _Recorder) -> None:
        with self._database.session() as session:
            if not 200 <= answer.status < 300 or not answer.is_whole:
                service.give_up(session, self._owner_id, self._key)
                return
            content = answer.body.decode()
            kept = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
            service.keep(session, self._owner_id, self._key, answer.status, kept, content)


class _Recorder:
    """Sends on, and remembers what was sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status, self.is_whole = 0, False
        self.headers = Headers()
        self.body = bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = Headers(raw=list(message.get("headers", [])))
        else:
            self.body += message.get("body", b"")
            self.is_whole = not message.get("more_body", False)
        await self._send(message)


def _fingerprint(scope: Scope, body: bytes) -> str:
    digest = hashlib.sha256()
    for part in (scope["path"].encode(), scope.get("query_string", b""), body):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _again(body: bytes, receive: Receive) -> Receive:
    """A body that was read, to be read once more."""
    left: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return left.pop() if left else await receive()

    return next_message
