"""ETag and If-None-Match for single objects."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response


def answer(
    request: Request,
    view: BaseModel,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """`view` as JSON under its ETag, or 304 where the client has it already."""
    content = view.model_dump_json().encode()
    tag = of(content)
    named = {"ETag": tag, **(headers or {})}
    if status == 200 and matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=named)
    return Response(content, status, named, media_type="application/json")


def of(content: bytes) -> str:
    """A strong ETag for these bytes."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def matches(header: str | None, tag: str) -> bool:
    """Whether If-None-Match names `tag` (weak comparison, RFC 9110 section 13.1.2)."""
    if header is None:
        return False
    named = {part.strip().removeprefix("W/") for part in header.split(",")}
    return "*" in named or tag.removeprefix("W/") in named
