"""One link for life: a job waiting, running, ended well or with a problem; and the list of jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from app.accounts.caller import Identity
from app.context import Context, Ctx
from app.core.tables import JobTable
from app.http import pagination
from app.http.pagination import Asked
from app.http.ranges import disposition
from app.http.request_id import request_id_of
from app.jobs import results, service
from app.jobs.repository import JobRepository
from app.uploads import service as uploads
from app.uploads.kinds import DATASET, MODEL
from app.web import handover, language, page, progress, sample
from app.web.recalled import recall
from app.web.visitor import Visitor
from prunery.reports.render import render, tell
from prunery.specs.errors import PruneryError
from prunery.specs.job import DatasetView, JobView, ModelView, Status
from prunery.specs.report import Report

router = APIRouter(include_in_schema=False)
Level = Annotated[int | None, Query(ge=0, le=1000)]


@router.get("/jobs")
def list_jobs(request: Request, ctx: Ctx, visitor: Visitor, cut: Asked) -> Response:
    """All jobs, newest first; an empty list offers the sample."""
    with ctx.database.reading() as session:
        rows = JobRepository(session, visitor.owner_id).page(cut.limit, cut.after, None)
        views = service.show(session, visitor.owner_id, rows)
    found = pagination.page(views, cut, lambda view: view, lambda view: view.id)
    words = language.of(request)
    lines = [(view, handover.in_short(view, words)) for view in found.items]
    context = {"lines": lines, "next": found.next, "sample": sample.is_here()}
    return page.answer(request, "jobs.html", context)


@router.get("/jobs/{job_id}")
def show_job(
    request: Request,
    ctx: Ctx,
    visitor: Visitor,
    job_id: str,
    level: Level = None,
    refresh: Annotated[int, Query(ge=0, le=3600)] = 0,
) -> Response:
    """The job as it stands now; a script that follows it takes the parts from the same page."""
    with ctx.database.reading() as session:
        row = service.find(session, visitor.owner_id, job_id)
        job = service.show(session, visitor.owner_id, [row])[0]
        levels = service.levels(session, visitor.owner_id, job_id)
        last_seq, deleted = row.last_seq, row.deleted_at is not None
        asked = (row.finish_requested_at, "finish"), (row.pause_requested_at, "pause")
    if job.status == Status.SUCCEEDED and not deleted:
        return _result(request, ctx, visitor, job, level)
    context: dict[str, Any] = {"job": job, "last_seq": last_seq, "refresh": refresh}
    words = language.of(request)
    if job.is_terminal:
        stage = progress.stage_in_words(job.error.stage if job.error else None, words)
        again = recall(job, words, ctx.settings.deadline_seconds)
        context |= {"deleted": deleted, "stage": stage, "again": again}
        return page.answer(request, "ended.html", context)
    measure = progress.measure(_labels(ctx, visitor, job), words)
    context["progress"] = progress.tell(job, levels, measure, words)
    running = job.status == Status.RUNNING
    context["asked"] = next((verb for moment, verb in asked if running and moment), None)
    context["can_finish"] = running and bool(levels)
    response = page.answer(request, "running.html", context)
    if refresh:
        response.headers["Refresh"] = str(max(refresh, 2))
    return response


def _labels(ctx: Context, visitor: Identity, job: JobView) -> list[str]:
    """The kinds of answers in the job's examples."""
    if job.dataset is None:
        return []
    try:
        with ctx.database.reading() as session:
            view = uploads.view(uploads.find(session, visitor.owner_id, DATASET, job.dataset))
    except PruneryError:
        return []
    assert isinstance(view, DatasetView)  # noqa: S101 - the kind says so
    return [label.kind for label in view.summary.labels] if view.summary else []


def _result(
    request: Request, ctx: Context, visitor: Identity, job: JobView, level: int | None
) -> Response:
    report = read_report(ctx, visitor, job.id)
    words = language.of(request)
    story = tell(report, words, level)
    names = {artifact.name for artifact in job.artifacts}
    download = handover.main_file(job)
    model = _model(ctx, visitor, job)
    shown = f"levels/{story.ladder.shown.level}/model.keras" if story.ladder else ""
    context = {
        "job": job,
        "story": story,
        "levels_url": f"/jobs/{job.id}",
        "download_note": handover.download_note(report, download, words),
        "files": handover.files(job, words),
        "download": download,
        "again": recall(job, words, ctx.settings.deadline_seconds),
        "level_file": shown if shown in names else "",
        "usage": handover.usage(job, report, model),
    }
    return page.answer(request, "result.html", context)


def _model(ctx: Context, visitor: Identity, job: JobView) -> ModelView | None:
    try:
        with ctx.database.reading() as session:
            view = uploads.view(uploads.find(session, visitor.owner_id, MODEL, job.model))
    except PruneryError:
        return None
    assert isinstance(view, ModelView)  # noqa: S101 - the kind says so
    return view


def read_report(ctx: Context, visitor: Identity, job_id: str) -> Report:
    """The report of a job that succeeded."""
    return Report.model_validate_json(results.stored(ctx, visitor, job_id, "report.json"))


@router.get("/jobs/{job_id}/report")
def show_report(request: Request, ctx: Ctx, visitor: Visitor, job_id: str) -> Response:
    """The report in the reader's language."""
    story = tell(read_report(ctx, visitor, job_id), language.of(request))
    context = {"story": story, "levels_url": None, "job_id": job_id}
    return page.answer(request, "report_page.html", context)


@router.get("/jobs/{job_id}/report.html")
def save_report(request: Request, ctx: Ctx, visitor: Visitor, job_id: str) -> Response:
    """The report as one file that opens offline, in the reader's language."""
    report = read_report(ctx, visitor, job_id)
    content = render(report, locale=language.code_of(request)).encode()
    headers = {
        "Content-Disposition": disposition(results.saved_as(report.name, "report.html")),
        "Content-Security-Policy": results.report_policy(content),
        "Vary": "Accept-Language, Cookie",
    }
    return Response(content, headers=headers, media_type="text/html; charset=utf-8")


@router.get("/jobs/{job_id}/files/{name:path}")
async def download(
    request: Request, ctx: Ctx, visitor: Visitor, job_id: str, name: str
) -> Response:
    """A file, for a browser that is signed in by its cookie."""
    return await results.download(request, ctx, visitor, job_id, name)


@router.get("/jobs/{job_id}/events")
async def follow(
    request: Request, ctx: Ctx, visitor: Visitor, job_id: str, after: int = 0
) -> Response:
    """The job's events, for the script of an open page."""
    return await results.list_events(request, ctx, visitor, job_id, after, 500, None)


@router.post("/jobs/{job_id}/{verb}")
def steer(request: Request, ctx: Ctx, visitor: Visitor, job_id: str, verb: str) -> Response:
    """Cancel, stop and keep the best, pause, go on, try again."""
    identity = request_id_of(request.scope)
    owner = visitor.owner_id
    verbs: dict[str, Callable[[Session], JobTable]] = {
        "cancel": lambda session: service.cancel(session, owner, job_id, ctx.settings),
        "finish": lambda session: service.finish(session, owner, job_id),
        "pause": lambda session: service.pause(session, owner, job_id),
        "resume": lambda session: service.resume(session, owner, job_id),
        "retry": lambda session: service.retry(session, owner, job_id, ctx.settings, identity),
    }
    if verb not in verbs:
        raise PruneryError("not_found", f"There is nothing at {request.url.path[:200]}.")
    return _move(ctx, verbs[verb], wakes=verb in ("resume", "retry"))


@router.post("/jobs/{job_id}/levels/{level}/choose")
def choose_level(request: Request, ctx: Ctx, visitor: Visitor, job_id: str, level: int) -> Response:
    """Make another size the result, by a job of its own."""
    identity = request_id_of(request.scope)

    def step(session: Session) -> JobTable:
        return service.choose(session, visitor.owner_id, job_id, level, ctx.settings, identity)

    return _move(ctx, step, wakes=True)


def _move(ctx: Context, step: Callable[[Session], JobTable], *, wakes: bool) -> Response:
    with ctx.database.session() as session:
        row = step(session)
    if wakes:
        ctx.broker.publish(ctx.database, "job", row.id, row.queue)
    return RedirectResponse(f"/jobs/{row.id}", 303)
