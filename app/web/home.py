"""The first page: two files, one question, or the sample in one click."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from app.accounts.caller import Identity
from app.context import Context, Ctx
from app.core.tables import JobTable
from app.http.request_id import request_id_of
from app.jobs import creation
from app.uploads import endpoints as uploads
from app.uploads import form, receive, service
from app.uploads.kinds import DATASET, MODEL, Kind, UploadTable
from app.web import language, page, sample
from app.web.answers import Answers
from app.web.judging import judge
from app.web.labels import labels
from app.web.options import options
from app.web.problems import Finding, findings, of_recipe, tell
from app.web.visitor import Visitor
from prunery.reports.language import Language
from prunery.specs import presets, rules
from prunery.specs.datasets import DatasetOptions
from prunery.specs.errors import Problem, PruneryError
from prunery.specs.job import DatasetView, JobRequest, ModelView

router = APIRouter(include_in_schema=False)
SAMPLE_SECONDS = 30.0
# The form's files: the last one only specialists have, and nobody must.
FILES = (("model", MODEL), ("dataset", DATASET), ("initial", MODEL))


@router.get("/")
def show_home(request: Request, ctx: Ctx, visitor: Visitor) -> Response:
    """The empty form, or the form with the answers that its address carries."""
    answers = Answers.read(dict(request.query_params))
    return draw(request, ctx, visitor, answers, _known(request, ctx, visitor, answers))


def _known(request: Request, ctx: Context, visitor: Identity, answers: Answers) -> list[Finding]:
    """What the check said is wrong, for those who come from there to mend it."""
    if not (answers.model and answers["dataset"]):
        return []
    try:
        words = language.of(request)
        with ctx.database.reading() as session:
            find = functools.partial(service.find, session, visitor.owner_id)
            rows = [find(kind, answers[field]) for field, kind in FILES if answers[field]]
            rejected = _rejected(rows, words)
            return rejected or judge(rows, answers, words, ctx.settings)
    except PruneryError:
        return []


def _rejected(rows: Sequence[UploadTable], words: Language) -> list[Finding]:
    """Files that are not kept, so that each has to be chosen again, and what else to answer."""
    wrong: list[Finding] = []
    for (field, _), row in zip(FILES, rows, strict=False):
        if row.status == "rejected" and row.error is not None:
            told = tell(Problem.model_validate(row.error), words)
            message = words.gettext("%(problem)s. Choose the file again.", problem=told.title)
            named = [one for one in told.findings if one.field != field]
            wrong += [Finding(field, message), *named]
    return wrong


@router.post("/")
async def submit(request: Request, ctx: Ctx, visitor: Visitor) -> Response:
    """Take the files and go on to the check; a problem shows the form again with all answers."""
    words = language.of(request)
    incoming = receive.Incoming(ctx.incoming_dir)
    limits = {f"{field}_file": kind.limit_bytes(ctx.settings) for field, kind in FILES}
    answers, wrong = Answers(), list[Finding]()
    try:
        for kind in (MODEL, DATASET):
            await run_in_threadpool(service.admit, ctx, visitor.owner_id, kind, None)
        async with form.receive(request, incoming, limits) as sent:
            answers = Answers.read(sent.fields)
            keep = functools.partial(_keep, request, ctx, visitor, sent, answers)
            answers, wrong = await run_in_threadpool(keep)
    except PruneryError as error:
        wrong = findings(error, words, "model")
        return await run_in_threadpool(_again, request, ctx, visitor, answers, wrong, error.status)
    if wrong:
        return await run_in_threadpool(_again, request, ctx, visitor, answers, wrong, 422)
    return RedirectResponse(f"/check?{answers.query}", 303)


def _again(
    request: Request,
    ctx: Context,
    visitor: Identity,
    answers: Answers,
    wrong: list[Finding],
    status: int,
) -> Response:
    return draw(request, ctx, visitor, answers, wrong, status)


def _keep(
    request: Request, ctx: Context, visitor: Identity, sent: form.Form, answers: Answers
) -> tuple[Answers, list[Finding]]:
    """Accept each file on its own, so that a bad one does not cost the good one."""
    words = language.of(request)
    wrong: list[Finding] = []
    kept: dict[str, str] = {}
    for field, kind in FILES:
        try:
            kept[field] = _keep_one(request, ctx, visitor, sent, answers, field, kind)
        except PruneryError as error:
            asked = "label_column" if error.code == "csv_label_ambiguous" else field
            wrong += findings(error, words, asked)
    if not kept.get("model") and not any(one.field == "model" for one in wrong):
        wrong.insert(0, Finding("model", words.gettext("Choose the file of your model.")))
    if not kept.get("dataset") and not any(
        one.field in ("dataset", "label_column") for one in wrong
    ):
        wrong.append(Finding("dataset", words.gettext("Choose the file with your examples.")))
    try:
        recipe = presets.resolve(answers.recipe())
        rules.check_inputs(recipe, has_initial_model=bool(kept.get("initial")), has_dataset=True)
    except PruneryError as error:
        wrong += of_recipe(error, answers, words)
    return Answers.read({**dict(answers.pairs), **kept}), wrong


def _keep_one(
    request: Request,
    ctx: Context,
    visitor: Identity,
    sent: form.Form,
    answers: Answers,
    field: str,
    kind: Kind,
) -> str:
    """The id of the file that was sent now, or of the one that was sent before."""
    file = sent.files.get(f"{field}_file")
    if file is None:
        return answers[field]
    options = None
    if kind is DATASET:
        options = DatasetOptions(label_column=answers["label_column"] or None)
    row = service.accept(
        ctx,
        visitor.owner_id,
        kind,
        file.received,
        filename=file.filename,
        options=options,
        request_id=request_id_of(request.scope),
    )
    return row.id


@router.post("/sample")
async def start_sample(request: Request, ctx: Ctx, visitor: Visitor) -> Response:
    """Our own model and examples, without a further question."""
    if not sample.is_here():
        raise PruneryError("not_found", "The sample is not installed on this server.")
    pair = ((MODEL, sample.MODEL), (DATASET, sample.DATASET))
    made: dict[str, str] = {}
    for kind, path in pair:
        add = functools.partial(service.add_file, ctx, visitor.owner_id, kind, path)
        made[kind.name] = (await run_in_threadpool(add)).id
    waiting = (
        uploads.settled(ctx, visitor, kind, made[kind.name], SAMPLE_SECONDS) for kind, _ in pair
    )
    await asyncio.gather(*waiting)
    name = language.of(request).gettext("Our sample")
    asked = JobRequest(
        model=made["model"], dataset=made["dataset"], name=name, recipe=sample.RECIPE
    )
    start = functools.partial(start_job, ctx, visitor, asked, request_id_of(request.scope))
    row = await run_in_threadpool(start)
    return RedirectResponse(f"/jobs/{row.id}", 303)


def start_job(
    ctx: Context, visitor: Identity, asked: JobRequest, request_id: str | None
) -> JobTable:
    """Queue a job and wake a worker."""
    order = creation.order(asked, ctx.settings)
    with ctx.database.session() as session:
        row = creation.create(session, visitor.owner_id, order, ctx.settings, request_id)
    ctx.broker.publish(ctx.database, "job", row.id, row.queue)
    return row


def draw(
    request: Request,
    ctx: Context,
    visitor: Identity,
    answers: Answers,
    wrong: list[Finding] | None = None,
    status: int = 200,
) -> Response:
    """The form with its answers and, first in it, what has to be mended."""
    kept = {field: _kept(ctx, visitor, kind, answers[field]) for field, kind in FILES}
    context: dict[str, Any] = {
        "answers": answers,
        "kept": kept,
        "wrong": wrong or [],
        "messages": {one.field: one.message for one in reversed(wrong or [])},
        "labels": labels(language.of(request)),
        "options": options(language.of(request)),
        "sample": sample.is_here(),
        "limits": {field: kind.limit_bytes(ctx.settings) for field, kind in FILES},
        "kept_days": round(ctx.settings.upload_ttl_seconds / 86_400),
        "has_keys": ctx.settings.needs_keys,
    }
    return page.answer(request, "home.html", context, status=status)


def _kept(
    ctx: Context, visitor: Identity, kind: Kind, upload_id: str
) -> ModelView | DatasetView | None:
    """A file of an earlier try, if it is still here and was not rejected."""
    if not upload_id:
        return None
    try:
        with ctx.database.reading() as session:
            view = service.view(service.find(session, visitor.owner_id, kind, upload_id))
    except PruneryError:
        return None
    return None if view.status == "rejected" else view
