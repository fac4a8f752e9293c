"""/v1/jobs: making, showing and steering jobs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.accounts.caller import Caller, Identity
from app.context import Context, Ctx
from app.core.tables import JobTable
from app.http import etags, pagination, prefer
from app.http.pagination import Asked, Page
from app.http.prefer import Wait
from app.http.request_id import request_id_of
from app.jobs import creation, service
from app.jobs.repository import JobRepository
from app.uploads import endpoints as uploads
from prunery.specs.errors import PruneryError
from prunery.specs.job import JobRequest, JobView, Status

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
CHECK_SECONDS = 30.0
Step = Callable[[Session], JobTable]


@router.post("", status_code=202, response_model=JobView)
async def create_job(request: Request, ctx: Ctx, caller: Caller, body: JobRequest) -> Response:
    """Queue a job. Uploads that are still being checked are waited for, 30 s at most."""
    order = creation.order(body, ctx.settings)
    deadline = time.monotonic() + CHECK_SECONDS
    for _, kind, upload_id in order.uploads:
        left = max(deadline - time.monotonic(), 0.0)
        with contextlib.suppress(PruneryError):  # told with its field, below
            await uploads.settled(ctx, caller, kind, upload_id, left)

    def create(session: Session) -> JobTable:
        return creation.create(
            session, caller.owner_id, order, ctx.settings, request_id_of(request.scope)
        )

    return await run_in_threadpool(queue, ctx, caller, create)


def queue(ctx: Context, caller: Identity, step: Step) -> Response:
    """Commit a new job, wake a worker, and answer 202 with its address."""
    with ctx.database.session() as session:
        row = step(session)
        view = service.show(session, caller.owner_id, [row])[0]
    ctx.broker.publish(ctx.database, "job", row.id, row.queue)
    return _accepted(view, {"Location": f"/v1/jobs/{row.id}"})


def _accepted(view: JobView, headers: dict[str, str] | None = None) -> Response:
    named = {"Retry-After": "1", **(headers or {})}
    return Response(view.model_dump_json(), 202, named, media_type="application/json")


@router.get("")
def list_jobs(
    ctx: Ctx,
    caller: Caller,
    cut: Asked,
    status: Annotated[Status | None, Query(description="Only jobs that stand there.")] = None,
) -> Page[JobView]:
    """Jobs, newest first."""
    with ctx.database.reading() as session:
        rows = JobRepository(session, caller.owner_id).page(cut.limit, cut.after, status)
        views = service.show(session, caller.owner_id, rows)
    return pagination.page(views, cut, lambda view: view, lambda view: view.id)


@router.get("/{job_id}", response_model=JobView)
async def show_job(request: Request, ctx: Ctx, caller: Caller, wait: Wait, job_id: str) -> Response:
    """One job; `Prefer: wait=30` holds the answer until its status changes."""
    view = await run_in_threadpool(_look, ctx, caller, job_id)
    if wait and not view.is_terminal:
        await _status_changes(ctx, job_id, view.status, wait)
        view = await run_in_threadpool(_look, ctx, caller, job_id)
    headers = prefer.applied(wait)
    if not view.is_terminal:
        headers["Retry-After"] = "1"
    return etags.answer(request, view, headers=headers)


def _look(ctx: Context, caller: Identity, job_id: str) -> JobView:
    with ctx.database.reading() as session:
        row = service.find(session, caller.owner_id, job_id)
        return service.show(session, caller.owner_id, [row])[0]


async def _status_changes(ctx: Context, job_id: str, status: str, seconds: float) -> None:
    """Wait until the status is another one, or the time is up."""
    deadline = time.monotonic() + seconds
    with ctx.watch.on(job_id) as watcher:
        while (left := deadline - time.monotonic()) > 0:
            version = watcher.version
            if isinstance(version, tuple) and version[0] != status:
                return
            await watcher.changed(version, left)


def _steer(ctx: Context, caller: Identity, step: Step) -> Response:
    with ctx.database.session() as session:
        row = step(session)
        view = service.show(session, caller.owner_id, [row])[0]
    return _accepted(view)


@router.post("/{job_id}/cancel", status_code=202, response_model=JobView)
def cancel_job(ctx: Ctx, caller: Caller, job_id: str) -> Response:
    """Stop a job; what it finished stays on record, but nothing is handed over."""

    def step(session: Session) -> JobTable:
        return service.cancel(session, caller.owner_id, job_id, ctx.settings)

    return _steer(ctx, caller, step)


@router.post("/{job_id}/finish", status_code=202, response_model=JobView)
def finish_job(ctx: Ctx, caller: Caller, job_id: str) -> Response:
    """Stop training and pack the best level so far; needs the dense model to be trained."""
    return _steer(ctx, caller, lambda session: service.finish(session, caller.owner_id, job_id))


@router.post("/{job_id}/pause", status_code=202, response_model=JobView)
def pause_job(ctx: Ctx, caller: Caller, job_id: str) -> Response:
    """Stop a running job at a checkpoint until it is resumed."""
    return _steer(ctx, caller, lambda session: service.pause(session, caller.owner_id, job_id))


@router.post("/{job_id}/resume", status_code=202, response_model=JobView)
def resume_job(ctx: Ctx, caller: Caller, job_id: str) -> Response:
    """Queue a paused job again; it goes on where it stopped."""
    return queue(ctx, caller, lambda session: service.resume(session, caller.owner_id, job_id))


@router.post("/{job_id}/retry", status_code=202, response_model=JobView)
def retry_job(request: Request, ctx: Ctx, caller: Caller, job_id: str) -> Response:
    """Queue a new job like one that ended."""
    identity = request_id_of(request.scope)

    def step(session: Session) -> JobTable:
        return service.retry(session, caller.owner_id, job_id, ctx.settings, identity)

    return queue(ctx, caller, step)


@router.post("/{job_id}/levels/{level}/choose", status_code=202, response_model=JobView)
def choose_level(
    request: Request,
    ctx: Ctx,
    caller: Caller,
    job_id: str,
    level: Annotated[int, Path(ge=0, le=1000)],
) -> Response:
    """Make another level the result, by a job of its own whose parent is this one."""
    identity = request_id_of(request.scope)

    def step(session: Session) -> JobTable:
        return service.choose(session, caller.owner_id, job_id, level, ctx.settings, identity)

    return queue(ctx, caller, step)
