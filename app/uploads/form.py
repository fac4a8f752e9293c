"""multipart/form-data on its way to files: constant memory, a limit per file, small fields."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from app.uploads.receive import Incoming, Received, Sink, pieces
from prunery.specs.errors import FieldError, PruneryError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MEDIA_TYPE = "multipart/form-data"
MOST_FIELDS = 80
FIELD_BYTES = 64_000
HEADER_BYTES = 16_000
_OVERHEAD_BYTES = 1_000_000


@dataclass(frozen=True)
class FormFile:
    filename: str
    received: Received


@dataclass(frozen=True)
class Form:
    """What a form held; a file input that was left empty is absent."""

    fields: dict[str, str]
    files: dict[str, FormFile]


def is_form(request: Request) -> bool:
    """Whether the body says that it is multipart/form-data."""
    return request.headers.get("content-type", "").lower().startswith(MEDIA_TYPE)


@contextlib.asynccontextmanager
async def receive(
    request: Request, incoming: Incoming, files: Mapping[str, int]
) -> AsyncIterator[Form]:
    """Read a form whose file inputs are `files`, each with its limit in bytes.

    Files not moved away by the end of the block are deleted.
    """
    _, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= 200:
        raise _broken("The header Content-Type names no boundary.")
    with contextlib.ExitStack() as opened:
        reader = _Reader(incoming, opened, files)
        parser = MultipartParser(boundary, reader.callbacks())
        try:
            async for chunk in pieces(request, sum(files.values()) + _OVERHEAD_BYTES):
                parser.write(chunk)
                await reader.drain()
            parser.finalize()
        except FormParserError:
            raise _broken("The body is not valid multipart/form-data.") from None
        if not reader.ended:
            raise PruneryError("body_too_short", "The form ended before its last boundary.")
        yield await run_in_threadpool(reader.form)


@dataclass
class _Part:
    headers: dict[str, bytes] = field(default_factory=dict)
    name: str = ""
    filename: str | None = None
    text: bytearray = field(default_factory=bytearray)
    sink: Sink | None = None
    limit_bytes: int = FIELD_BYTES
    size_bytes: int = 0


class _Reader:
    """Takes the parser's callbacks; what has to be written waits for `drain`."""

    def __init__(
        self, incoming: Incoming, opened: contextlib.ExitStack, files: Mapping[str, int]
    ) -> None:
        self._incoming, self._opened, self._allowed = incoming, opened, files
        self._parts: list[_Part] = []
        self._header_name, self._header_value = bytearray(), bytearray()
        self._waiting: list[tuple[Sink, bytes]] = []
        self.ended = False

    def callbacks(self) -> MultipartCallbacks:
        return {
            "on_part_begin": lambda: self._parts.append(_Part()),
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_end": self._on_end,
        }

    async def drain(self) -> None:
        """Write what the last piece brought."""
        for sink, data in self._waiting:
            await sink.write(data)
        self._waiting.clear()

    def form(self) -> Form:
        """Close every file and hand over what was read."""
        fields = {
            part.name: part.text.decode("utf-8", "replace")
            for part in self._parts
            if part.sink is None
        }
        files = {
            part.name: FormFile(part.filename or "", part.sink.finish())
            for part in self._parts
            if part.sink is not None and (part.filename or part.size_bytes)
        }
        return Form(fields, files)

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]
        self._check_header()

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]
        self._check_header()

    def _check_header(self) -> None:
        if len(self._header_name) + len(self._header_value) > HEADER_BYTES:
            raise _broken("A part of the form has a header that is too long.")

    def _on_header_end(self) -> None:
        name = self._header_name.decode("latin-1").lower()
        self._parts[-1].headers[name] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()
        if len(self._parts[-1].headers) > 20:
            raise _broken("A part of the form has too many headers.")

    def _on_headers_finished(self) -> None:
        part = self._parts[-1]
        _, options = parse_options_header(part.headers.get("content-disposition", b""))
        part.name = options.get(b"name", b"").decode("utf-8", "replace")
        if not part.name or any(part.name == other.name for other in self._parts[:-1]):
            raise _broken("A field of the form has no name, or one that came before.")
        if len(self._parts) > MOST_FIELDS:
            raise _broken(f"The form has more than {MOST_FIELDS} fields.")
        if b"filename" not in options:
            return
        part.filename = options[b"filename"].decode("utf-8", "replace")
        if part.name not in self._allowed:
            expected = " or ".join(sorted(self._allowed))
            message = f"A file goes into the field {expected}."
            raise PruneryError(
                "request_invalid",
                message,
                errors=[FieldError(pointer=f"/{part.name[:100]}", message=message)],
            )
        part.limit_bytes = self._allowed[part.name]
        part.sink = self._opened.enter_context(self._incoming.new())

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = self._parts[-1]
        part.size_bytes += end - start
        if part.size_bytes > part.limit_bytes:
            raise PruneryError(
                "upload_too_large",
                f"{part.name[:100]} is larger than the {part.limit_bytes} bytes accepted.",
            )
        if part.sink is None:
            part.text += data[start:end]
        else:
            self._waiting.append((part.sink, data[start:end]))

    def _on_end(self) -> None:
        self.ended = True


def _broken(detail: str) -> PruneryError:
    return PruneryError("body_invalid", detail)
