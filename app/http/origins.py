"""No other site's page may speak to this server through a person's browser.

Without keys, whoever reaches the port is the owner. A page elsewhere reaches it too: by a form or
a fetch (its Origin gives it away), or by a name that it lets resolve to this address (DNS
rebinding; its Host gives it away).
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.http import problems
from prunery.specs.errors import PruneryError

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class Origins:
    """Refuse foreign hosts (where `hosts` is given) and foreign origins of unsafe methods.

    `public_url` is how users reach us through a proxy that speaks to us under another name.
    """

    def __init__(
        self, app: ASGIApp, hosts: Iterable[str] | None, public_url: str | None = None
    ) -> None:
        self.app = app
        self.public = urlsplit(public_url or "").netloc.lower()
        named = None if hosts is None else {name.lower() for name in hosts}
        self.hosts = None if named is None else frozenset(named | {hostname(self.public)} - {""})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (error := self._refusal(scope)) is not None:
            await problems.respond(Request(scope), error)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> PruneryError | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self.hosts is not None and hostname(host) not in self.hosts:
            return PruneryError("forbidden", "This server does not answer to that host name.")
        if scope["method"] in _SAFE_METHODS:
            return None
        origin = headers.get("origin")
        own = {host.lower(), self.public} - {""}
        foreign = origin is not None and urlsplit(origin).netloc.lower() not in own
        if foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            return PruneryError("forbidden", "The request came from another site's page.")
        return None


def hostname(host: str) -> str:
    """The name in a Host header, without port and brackets; empty where it is malformed."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
