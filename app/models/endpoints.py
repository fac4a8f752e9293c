"""/v1/models"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.accounts.caller import Caller
from app.context import Ctx
from app.http import etags
from app.http.pagination import Asked, Page
from app.http.prefer import Wait
from app.uploads import endpoints as uploads
from app.uploads import service
from app.uploads.kinds import MODEL
from prunery.specs.job import ModelView
from prunery.specs.models import Prunability

router = APIRouter(prefix="/v1/models", tags=["models"])
Filename = Annotated[str | None, Query(max_length=500, description="The file's name.")]


@router.post(
    "",
    status_code=201,
    response_model=ModelView,
    openapi_extra=uploads.request_body({"filename": {"type": "string"}}),
)
async def upload_model(
    request: Request, ctx: Ctx, caller: Caller, wait: Wait, filename: Filename = None
) -> Response:
    """Upload a model: .keras or .h5, raw or as the field `file` of a form."""
    row = await uploads.take(request, ctx, caller, MODEL, filename, uploads.no_options)
    if wait:
        row = await uploads.settled(ctx, caller, MODEL, row.id, wait)
    return uploads.show(request, row, wait, status=201)


@router.get("")
def list_models(ctx: Ctx, caller: Caller, cut: Asked) -> Page[ModelView]:
    """Models, newest first."""
    return uploads.page(ctx, caller, MODEL, cut)


@router.get("/{model_id}", response_model=ModelView)
async def show_model(
    request: Request, ctx: Ctx, caller: Caller, wait: Wait, model_id: str
) -> Response:
    """One model; `Prefer: wait` holds the answer until it is checked."""
    row = await uploads.settled(ctx, caller, MODEL, model_id, wait)
    return uploads.show(request, row, wait)


@router.delete("/{model_id}", status_code=204, response_class=Response)
def delete_model(ctx: Ctx, caller: Caller, model_id: str) -> Response:
    """Delete a model and its bytes; refused while an unfinished job needs it."""
    return uploads.remove(ctx, caller, MODEL, model_id)


@router.get("/{model_id}/prunability", response_model=Prunability)
def show_prunability(request: Request, ctx: Ctx, caller: Caller, model_id: str) -> Response:
    """What can be removed of a model, and why not the rest."""
    with ctx.database.reading() as session:
        found = service.prunability(session, caller.owner_id, model_id)
    return etags.answer(request, found)
