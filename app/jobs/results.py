"""What a job tells and hands over: events, levels, report, files."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from app.accounts.caller import Caller, Identity
from app.context import Context, Ctx
from app.core.tables import ArtifactTable, JobTable
from app.http import etags, ranges
from app.jobs import service, stream
from app.jobs.repository import JobRepository
from app.jobs.schemas import EventPage, Levels
from prunery.specs.errors import PruneryError
from prunery.specs.report import Report

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,199}")
_STYLE = re.compile(rb"<style[^>]*>(.*?)</style>", re.DOTALL | re.IGNORECASE)


@router.get(
    "/{job_id}/events",
    response_model=EventPage,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def list_events(
    request: Request,
    ctx: Ctx,
    caller: Caller,
    job_id: str,
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="Events behind this one.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    last_event_id: Annotated[str | None, Header(description="Resumes a stream.")] = None,
) -> Response:
    """What happened to a job: a JSON list, or a stream where Accept says text/event-stream."""
    row = await run_in_threadpool(_find, ctx, caller, job_id)
    if last_event_id is not None and last_event_id.isdecimal() and len(last_event_id) < 10:
        after = max(after, int(last_event_id))
    if "text/event-stream" in request.headers.get("accept", ""):
        return _stream(request, ctx, caller, row, after)
    rows = await run_in_threadpool(stream.read, ctx, caller.owner_id, job_id, after, limit)
    ended = bool(rows) and stream.is_last(rows[-1])
    page = EventPage(
        items=tuple(stream.view(event) for event in rows),
        next=str(rows[-1].seq) if rows and not ended else None,
    )
    return etags.answer(request, page)


def _stream(
    request: Request, ctx: Context, caller: Identity, row: JobTable, after: int
) -> Response:
    if service.is_terminal(row) and after >= row.last_seq:
        return Response(status_code=204)  # tells a browser's EventSource to stay away
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    if request.scope.get("prunery.head"):
        return Response(None, 200, headers, media_type="text/event-stream")
    lines = stream.lines(ctx, caller.owner_id, row.id, after)
    return StreamingResponse(lines, 200, headers, media_type="text/event-stream")


def _find(ctx: Context, caller: Identity, job_id: str) -> JobTable:
    with ctx.database.reading() as session:
        return service.find(session, caller.owner_id, job_id)


@router.get("/{job_id}/levels", response_model=Levels)
def list_levels(request: Request, ctx: Ctx, caller: Caller, job_id: str) -> Response:
    """Every finished level, on validation examples."""
    with ctx.database.reading() as session:
        found = service.levels(session, caller.owner_id, job_id)
    return etags.answer(request, Levels(items=found))


@router.get(
    "/{job_id}/report",
    response_model=Report,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
)
def show_report(request: Request, ctx: Ctx, caller: Caller, job_id: str) -> Response:
    """The report: JSON, or the page where Accept prefers text/html."""
    if prefers_html(request.headers.get("accept", "")):
        return _report_page(request, ctx, caller, job_id)
    content = stored(ctx, caller, job_id, "report.json")
    headers = {"ETag": etags.of(content), "Vary": "Accept"}
    if etags.matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(content, 200, headers, media_type="application/json")


@router.get("/{job_id}/report.html", response_class=Response)
def show_report_page(request: Request, ctx: Ctx, caller: Caller, job_id: str) -> Response:
    """The report as one self-contained page that opens offline."""
    return _report_page(request, ctx, caller, job_id)


def prefers_html(accept: str) -> bool:
    """Whether text/html is asked for before JSON."""
    if "text/html" not in accept:
        return False
    return "application/json" not in accept or accept.index("text/html") < accept.index(
        "application/json"
    )


def _report_page(request: Request, ctx: Context, caller: Identity, job_id: str) -> Response:
    content = stored(ctx, caller, job_id, "report.html")
    headers = {
        "ETag": etags.of(content),
        "Vary": "Accept",
        "Content-Security-Policy": report_policy(content),
    }
    if etags.matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(content, 200, headers, media_type="text/html; charset=utf-8")


def report_policy(content: bytes) -> str:
    """A policy under which only the page's own styles apply, and no script runs."""
    styles = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(style).digest()).decode()}'"
        for style in _STYLE.findall(content)
    )
    return (
        f"default-src 'none'; style-src {styles or chr(39) + 'none' + chr(39)}; img-src data:; "
        "font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def stored(ctx: Context, caller: Identity, job_id: str, name: str) -> bytes:
    """A small file of a job. Raises as `_artifact`."""
    _, artifact = _artifact(ctx, caller, job_id, name)
    try:
        return ctx.storage.read(artifact.storage_key)
    except FileNotFoundError:
        raise PruneryError("gone", "The file is no longer stored.") from None


def _artifact(
    ctx: Context, caller: Identity, job_id: str, name: str
) -> tuple[JobTable, ArtifactTable]:
    """A job's file. Raises `conflict` before there is one, `gone`, `not_found`."""
    with ctx.database.reading() as session:
        job = service.find(session, caller.owner_id, job_id)
        found = None
        if _NAME.fullmatch(name):
            found = JobRepository(session, caller.owner_id).artifact(job_id, name)
    if job.deleted_at is not None:
        raise PruneryError("gone", "The files of this job were deleted.")
    if found is None and not service.is_terminal(job):
        raise PruneryError(
            "conflict",
            f"The job is {job.status}: its files are made at its end.",
            hint="Wait until the job has succeeded.",
        )
    if found is None:
        raise PruneryError("not_found", f"The job ({job.status}) has no such file.")
    return job, found


@router.get(
    "/{job_id}/artifacts/{name:path}",
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {"schema": {"type": "string"}}}},
        206: {"content": {"application/octet-stream": {"schema": {"type": "string"}}}},
    },
)
async def download(request: Request, ctx: Ctx, caller: Caller, job_id: str, name: str) -> Response:
    """One file: whole, or a Range of it; Repr-Digest is the checksum of the whole."""
    job, found = await run_in_threadpool(_artifact, ctx, caller, job_id, name)
    file = ranges.StoredFile(
        found.storage_key,
        saved_as(job.name, name),
        found.size_bytes,
        found.sha256,
        found.media_type,
    )
    return await ranges.answer(request, ctx.storage, file)


def saved_as(job_name: str, artifact: str) -> str:
    """A name that says what the file is, wherever it ends up: `net-compact.keras`."""
    stem = re.sub(r"\.(keras|h5|hdf5)$", "", job_name, flags=re.IGNORECASE)[:80]
    stem = re.sub(r"[/\\]+", "-", stem)
    named = "compact.keras" if artifact == "model.keras" else artifact.replace("/", "-")
    return f"{stem}-{named}"
