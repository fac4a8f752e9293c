"""What we found in both files, what can be removed, and the button that starts the job."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from app.accounts.caller import Identity
from app.context import Context, Ctx
from app.http.request_id import request_id_of
from app.jobs import judgement
from app.uploads import endpoints as uploads
from app.uploads import form, service
from app.uploads.kinds import DATASET, MODEL
from app.web import language, page
from app.web.answers import Answers
from app.web.home import FILES, start_job
from app.web.judging import asked, duration_of, judge
from app.web.problems import Finding, of_recipe
from app.web.visitor import Visitor
from prunery.screening.duration import Duration
from prunery.specs.errors import PruneryError
from prunery.specs.job import DatasetView, ModelView
from prunery.specs.models import Prunability

router = APIRouter(include_in_schema=False)
WAIT_SECONDS = 8.0
REFRESH_SECONDS = 3


@dataclass(frozen=True)
class Found:
    """Both files as far as they are known, and what speaks against starting."""

    model: ModelView
    dataset: DatasetView
    prunability: Prunability | None
    wrong: tuple[Finding, ...]
    duration: Duration | None = None

    @property
    def is_checking(self) -> bool:
        return "checking" in (self.model.status, self.dataset.status)

    @property
    def can_start(self) -> bool:
        return self.model.status == self.dataset.status == "ready" and not self.wrong

    @property
    def test_examples(self) -> int:
        """How many examples the test will have; 0 where answers are no kinds."""
        summary = self.dataset.summary
        if summary is None or not any(label.classes for label in summary.labels):
            return 0
        return judgement.test_examples(self.dataset) or 0

    @property
    def shows_above(self) -> float:
        """The smallest change that so many examples can show, at one mistake in ten."""
        return judgement.smallest_difference(self.test_examples)


@router.get("/check")
async def show_check(request: Request, ctx: Ctx, visitor: Visitor) -> Response:
    """Wait a little for the sandbox, then say what is known so far. Starts nothing."""
    answers = Answers.read(dict(request.query_params))
    waiting = (
        uploads.settled(ctx, visitor, kind, answers[field], WAIT_SECONDS)
        for field, kind in FILES
        if answers[field] or field != "initial"
    )
    await asyncio.gather(*waiting)
    return await run_in_threadpool(_draw, request, ctx, visitor, answers, ())


@router.post("/jobs")
async def start(request: Request, ctx: Ctx, visitor: Visitor) -> Response:
    """Queue the job; what forbids it is shown on the check page."""
    async with request.form(max_files=0, max_fields=form.MOST_FIELDS) as sent:
        answers = Answers.read({key: str(value) for key, value in sent.items()})
    return await run_in_threadpool(_start, request, ctx, visitor, answers)


def _start(request: Request, ctx: Context, visitor: Identity, answers: Answers) -> Response:
    try:
        row = start_job(ctx, visitor, asked(answers), request_id_of(request.scope))
    except PruneryError as error:
        if error.code == "not_found":
            raise
        wrong = tuple(of_recipe(error, answers, language.of(request)))
        return _draw(request, ctx, visitor, answers, wrong, status=error.status)
    return RedirectResponse(f"/jobs/{row.id}", 303)


def _draw(
    request: Request,
    ctx: Context,
    visitor: Identity,
    answers: Answers,
    wrong: tuple[Finding, ...],
    status: int = 200,
) -> Response:
    found = _look(request, ctx, visitor, answers, wrong)
    context: dict[str, Any] = {"answers": answers, "found": found}
    response = page.answer(request, "check.html", context, status=status)
    if found.is_checking:
        response.headers["Refresh"] = str(REFRESH_SECONDS)
    return response


def _look(
    request: Request,
    ctx: Context,
    visitor: Identity,
    answers: Answers,
    wrong: tuple[Finding, ...],
) -> Found:
    words = language.of(request)
    with ctx.database.reading() as session:
        find = functools.partial(service.find, session, visitor.owner_id)
        rows = find(MODEL, answers.model), find(DATASET, answers["dataset"])
        model, dataset = (service.view(row) for row in rows)
        prunability = None
        if model.status == "ready":
            prunability = service.prunability(session, visitor.owner_id, answers.model)
        assert isinstance(model, ModelView)  # noqa: S101 - the kind says so
        assert isinstance(dataset, DatasetView)  # noqa: S101 - the kind says so
        past = [find(MODEL, answers["initial"])] if answers["initial"] else []
        said = wrong or tuple(judge([*rows, *past], answers, words, ctx.settings))
        found = Found(model, dataset, prunability, said)
        if not found.can_start:
            return found
        return replace(found, duration=duration_of(session, rows, answers, ctx.settings))
