"""/v1/checks: do a model, a dataset and a recipe go together? Starts nothing."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.accounts.caller import Caller, Identity
from app.context import Context, Ctx
from app.http import prefer
from app.http.prefer import Wait
from app.http.request_id import request_id_of
from app.jobs.judgement import judge
from app.jobs.schemas import Check, CheckRequest
from app.uploads import endpoints as uploads
from app.uploads.kinds import DATASET, MODEL

router = APIRouter(prefix="/v1/checks", tags=["jobs"])


@router.post(
    "",
    response_model=Check,
    responses={202: {"model": Check, "description": "A file is still being checked: ask again"}},
)
async def check_pair(
    request: Request, ctx: Ctx, caller: Caller, wait: Wait, body: CheckRequest
) -> Response:
    """Do model, dataset and recipe fit, and what can be removed? 202 while a file is checked."""
    deadline = time.monotonic() + wait
    asked = ((MODEL, body.model), (DATASET, body.dataset), (MODEL, body.initial_model))
    for kind, upload_id in asked:
        if upload_id is not None:
            left = max(deadline - time.monotonic(), 0.0)
            await uploads.settled(ctx, caller, kind, upload_id, left)
    found = await run_in_threadpool(_look, ctx, caller, body, request_id_of(request.scope))
    headers = prefer.applied(wait)
    if found.status == "checking":
        headers["Retry-After"] = "1"
    status = 202 if found.status == "checking" else 200
    return Response(found.model_dump_json(), status, headers, media_type="application/json")


def _look(ctx: Context, caller: Identity, asked: CheckRequest, request_id: str | None) -> Check:
    with ctx.database.reading() as session:
        return judge(session, caller.owner_id, asked, ctx.settings, request_id)
