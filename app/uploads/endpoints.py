"""What the routes of models and datasets share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from typing import Any

from fastapi import Request
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.accounts.caller import Identity
from app.context import Context
from app.http import digests, etags, pagination, plain, prefer
from app.http.bodies import body_of
from app.http.request_id import request_id_of
from app.uploads import form, receive, service
from app.uploads.kinds import Kind, UploadTable
from app.uploads.repository import UploadRepository
from prunery.specs.datasets import DatasetOptions
from prunery.specs.errors import FieldError, PruneryError
from prunery.specs.findings import field_errors

Pairs = list[tuple[str, str]]
ReadOptions = Callable[[Pairs], DatasetOptions | None]
_BINARY = {"schema": {"type": "string", "format": "binary"}}
# Whatever else a client calls the bytes of a file, they are the file: `curl --data-binary` says
# application/x-www-form-urlencoded, others name the archive or the table.
NO_FILES = ("application/json", "multipart/")


def request_body(fields: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI of a body that FastAPI must not read."""
    properties = {"file": {"type": "string", "format": "binary"}, **fields}
    schema = {"type": "object", "required": ["file"], "properties": properties}
    content = {"application/octet-stream": _BINARY, form.MEDIA_TYPE: {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


async def take(
    request: Request,
    ctx: Context,
    caller: Identity,
    kind: Kind,
    filename: str | None,
    read_options: ReadOptions,
) -> UploadTable:
    """Receive a raw body or a form, judge it and keep it.

    `read_options(pairs)` reads options from the query and the form's fields; `filename` is none.
    """
    body = body_of(request.scope)
    await run_in_threadpool(
        service.admit,
        ctx,
        caller.owner_id,
        kind,
        None if form.is_form(request) else body.declared_bytes,
    )
    keep = functools.partial(
        service.accept,
        ctx,
        caller.owner_id,
        kind,
        request_id=request_id_of(request.scope),
    )
    incoming, limit = receive.Incoming(ctx.incoming_dir), kind.limit_bytes(ctx.settings)
    query = [
        (name, text) for name, text in request.query_params.multi_items() if name != "filename"
    ]
    if form.is_form(request):
        async with form.receive(request, incoming, {"file": limit}) as sent:
            if "file" not in sent.files:
                raise _no_file()
            file = sent.files["file"]
            name = sent.fields.pop("filename", None) or filename or file.filename
            options = read_options([*query, *sent.fields.items()])
            return await run_in_threadpool(keep, file.received, filename=name, options=options)
    _check_media_type(request)
    options = read_options(query)
    announced = digests.wanted(request.headers)
    with incoming.new() as sink:
        received = await receive.body(request, sink, limit)
        return await run_in_threadpool(
            keep, received, filename=filename, announced=announced, options=options
        )


def _check_media_type(request: Request) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given.startswith(NO_FILES):
        raise PruneryError(
            "media_type_unsupported",
            f"{given[:100]} is not accepted here.",
            hint="Send the file itself as application/octet-stream, or a form with the field file.",
        )
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise PruneryError("media_type_unsupported", "Send the file as it is, not encoded.")


def _no_file() -> PruneryError:
    message = "Choose a file for the field file."
    return PruneryError(
        "request_invalid", message, errors=[FieldError(pointer="/file", message=message)]
    )


async def settled(
    ctx: Context, caller: Identity, kind: Kind, upload_id: str, seconds: float
) -> UploadTable:
    """The upload, once it is no longer `checking` or the time is up."""
    look = functools.partial(_find, ctx, caller, kind, upload_id)
    row = await run_in_threadpool(look)
    if seconds and row.status == "checking":
        with ctx.watch.on(upload_id) as watcher:
            await watcher.changed("checking", seconds)
        row = await run_in_threadpool(look)
    return row


def _find(ctx: Context, caller: Identity, kind: Kind, upload_id: str) -> UploadTable:
    with ctx.database.reading() as session:
        return service.find(session, caller.owner_id, kind, upload_id)


def show(request: Request, row: UploadTable, waited: int, *, status: int = 200) -> Response:
    """The answer that shows one upload."""
    headers = prefer.applied(waited)
    if row.status == "checking":
        headers["Retry-After"] = "1"
    if status == 201:
        headers["Location"] = f"/v1/{row.storage_key.partition('/')[0]}/{row.id}"
    return etags.answer(request, service.view(row), status=status, headers=headers)


def page(ctx: Context, caller: Identity, kind: Kind, cut: pagination.Cut) -> pagination.Page[Any]:
    """One page of uploads, newest first."""
    with ctx.database.reading() as session:
        repository = UploadRepository(session, caller.owner_id, kind)
        rows = repository.page(cut.limit, cut.after)
    return pagination.page(rows, cut, service.view, lambda row: str(row.id))


def remove(ctx: Context, caller: Identity, kind: Kind, upload_id: str) -> Response:
    """Delete an upload: the row is out of sight first, then the bytes go."""
    with ctx.database.session() as session:
        key = service.delete(session, caller.owner_id, kind, upload_id)
    ctx.storage.delete(key)
    return Response(status_code=204)


def no_options(pairs: Pairs) -> None:
    """A model has no options. Raises: `request_invalid` for whatever was given."""
    _refuse_unknown(pairs, frozenset())


def _refuse_unknown(pairs: Pairs, known: Collection[str]) -> None:
    wrong = [name[:100] for name, _ in pairs if name not in known]
    if wrong:
        message = f"Not known here; known: {', '.join(['filename', *known])}."
        pointed = [FieldError(pointer=f"/{name}", message=message) for name in wrong]
        raise PruneryError("request_invalid", f"{wrong[0]}: {message}", errors=pointed[:50])


def dataset_options(pairs: Pairs) -> DatasetOptions:
    """A dataset's options from text fields; `feature_columns` is repeated or comma-separated.

    Raises: `request_invalid` with a pointer for each wrong field.
    """
    _refuse_unknown(pairs, DatasetOptions.model_fields)
    named = [(name, text) for name, text in pairs if text]
    values: dict[str, Any] = dict(named)
    columns = [text for name, text in named if name == "feature_columns"]
    if len(columns) == 1:
        columns = [part.strip() for part in columns[0].split(",")]
    if columns:
        values["feature_columns"] = columns
    plain.require(values)
    try:
        return DatasetOptions.model_validate(values)
    except ValidationError as error:
        raise PruneryError(
            "request_invalid",
            "The dataset's options are not valid.",
            errors=field_errors(error, values),
        ) from None
