"""Stored files over HTTP: a Range, If-Range, ETag, Repr-Digest, a name that says what it is."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from app.core.storage import Storage
from app.http import digests, etags
from app.http.headers import FILE_POLICY
from prunery.specs.errors import PruneryError

_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE)
_ASCII = re.compile(r"[^A-Za-z0-9._ -]")


@dataclass(frozen=True)
class StoredFile:
    """`name` is what a browser saves it as."""

    key: str
    name: str
    size_bytes: int
    sha256: str
    media_type: str


async def answer(request: Request, storage: Storage, file: StoredFile) -> Response:
    """The file, the part of it that was asked for, or 304. Raises: `gone`."""
    tag = f'"{file.sha256}"'
    headers = {
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Repr-Digest": digests.field(file.sha256),
        "Content-Disposition": disposition(file.name),
        "Content-Security-Policy": FILE_POLICY,
    }
    if etags.matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    part = _part(request, file.size_bytes, tag)
    start, end = part or (0, file.size_bytes)
    headers["Content-Length"] = str(end - start)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size_bytes}"
    status = 206 if part is not None else 200
    if request.scope.get("prunery.head") or end == start:
        return Response(None, status, headers, media_type=file.media_type)
    try:
        chunks: AsyncIterator[bytes] = await storage.get_async(
            file.key, start, end if part is not None else None
        )
    except FileNotFoundError:
        raise PruneryError("gone", "The file is no longer stored.") from None
    return StreamingResponse(chunks, status, headers, media_type=file.media_type)


def _part(request: Request, size: int, tag: str) -> tuple[int, int] | None:
    """First and last-plus-one byte; None for the whole. Raises: `range_not_satisfiable`."""
    header = request.headers.get("range")
    condition = request.headers.get("if-range")
    if header is None or (condition is not None and condition != tag):
        return None
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return None  # several ranges, another unit or nonsense: a server may send the whole
    first, last = match.groups()
    if first == "":
        start, end = max(size - int(last), 0), size
    else:
        start = int(first)
        end = min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= size or end <= start:
        error = PruneryError("range_not_satisfiable", f"The file has {size} bytes.")
        raise HTTPException(416, headers={"Content-Range": f"bytes */{size}"}) from error
    return start, end


def disposition(name: str, kind: str = "attachment") -> str:
    """Content-Disposition with a name for every browser: plain ASCII, and RFC 8187."""
    plain = _ASCII.sub("_", name)[:150] or "file"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name[:150], safe='')}"
