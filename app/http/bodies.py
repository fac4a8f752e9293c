"""How large a body may be, how slowly it may come, and what becomes of one that nobody reads.

JSON and small forms share one limit. A route that streams lifts it for itself, after it has
looked at the key, the quota and the disk, and before it reads the first byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from prunery.specs.errors import PruneryError

SMALL_BYTES = 1_000_000
LINGER_BYTES = 500_000
LINGER_SECONDS = 2.0
_KEY = "prunery.body"


class BodyLimit:
    """Count a request's body as it is read; end the connection kindly when it is refused."""

    def __init__(self, app: ASGIApp, idle_seconds: float) -> None:
        self.app = app
        self.idle_seconds = idle_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = Body(scope, receive, send, self.idle_seconds)
        scope[_KEY] = body
        await self.app(scope, body.receive, body.send)


class Body:
    """The body of one request, and how much of it may come."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, idle_seconds: float) -> None:
        headers = Headers(scope=scope)
        self._receive, self._send = receive, send
        self._idle_seconds = idle_seconds
        self._deadline: float | None = None
        # Such a client sends its body only when it is told to; refused, it never does.
        self._silent = headers.get("expect", "").lower() == "100-continue"
        length = headers.get("content-length", "")
        self.declared_bytes = int(length) if length.isdecimal() and len(length) < 19 else None
        self.complete = self.declared_bytes == 0 or (
            self.declared_bytes is None and "transfer-encoding" not in headers
        )
        self.limit_bytes = SMALL_BYTES
        self.read_bytes = 0

    async def receive(self) -> Message:
        """The next piece. Raises `upload_too_large` or `body_too_short`."""
        if self.complete:
            return await self._receive()
        if (self.declared_bytes or 0) > self.limit_bytes:
            raise self._too_large()
        self._silent = False
        message = await self._next_in_time()
        if message["type"] == "http.request":
            self.read_bytes += len(message.get("body", b""))
            self.complete = not message.get("more_body", False)
            if self.read_bytes > self.limit_bytes:
                raise self._too_large()
        return message

    async def send(self, message: Message) -> None:
        """Send on; a body that was not read ends the connection, after a little of it came."""
        if message["type"] == "http.response.start" and not self.complete:
            message["headers"] = [*message.get("headers", []), (b"connection", b"close")]
        if message["type"] != "http.response.body" or message.get("more_body", False):
            await self._send(message)
            return
        if not (self.complete or self._silent):
            await self._send({**message, "more_body": True})
            await self._linger()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def _next_in_time(self) -> Message:
        seconds = self._idle_seconds
        if self._deadline is not None:
            seconds = min(seconds, max(self._deadline - time.monotonic(), 0.0))
        try:
            return await asyncio.wait_for(self._receive(), seconds)
        except TimeoutError:
            self._silent = True
            got = f"{self.read_bytes} bytes came"
            raise PruneryError("body_too_short", f"The body came too slowly: {got}.") from None

    async def _linger(self) -> None:
        """A connection closed on unread bytes loses the answer on its way to the client."""
        seen = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while seen < LINGER_BYTES:
                    message = await self._receive()
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
                    seen += len(message.get("body", b""))

    def lift(self, limit_bytes: int, total_seconds: float) -> None:
        """Allow a streamed body of `limit_bytes`, whole within `total_seconds`."""
        self.limit_bytes = limit_bytes
        self._deadline = time.monotonic() + total_seconds

    def _too_large(self) -> PruneryError:
        return PruneryError(
            "upload_too_large", f"At most {self.limit_bytes} bytes are accepted here."
        )


def body_of(scope: Scope) -> Body:
    """The body of this request."""
    body: Body = scope[_KEY]
    return body
