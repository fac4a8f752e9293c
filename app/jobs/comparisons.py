"""/v1/comparisons: jobs side by side."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.accounts.caller import Caller
from app.context import Ctx
from app.http import etags
from app.jobs import service
from app.jobs.schemas import Compared, Comparison

router = APIRouter(prefix="/v1/comparisons", tags=["jobs"])


@router.get("", response_model=Comparison)
def compare_jobs(
    request: Request,
    ctx: Ctx,
    caller: Caller,
    job: Annotated[list[str], Query(min_length=2, max_length=4, description="Id of a job.")],
) -> Response:
    """Two to four jobs with their levels, in the order that was asked for."""
    with ctx.database.reading() as session:
        rows = [service.find(session, caller.owner_id, job_id) for job_id in job]
        views = service.show(session, caller.owner_id, rows)
        items = tuple(
            Compared(job=view, levels=service.levels(session, caller.owner_id, view.id))
            for view in views
        )
    return etags.answer(request, Comparison(items=items))
