"""What can be removed of a model, and why not the rest."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.context import Ctx
from app.uploads import service
from app.uploads.kinds import MODEL
from app.web import page
from app.web.visitor import Visitor

router = APIRouter(include_in_schema=False)


@router.get("/models/{model_id}")
def show_model(request: Request, ctx: Ctx, visitor: Visitor, model_id: str) -> Response:
    """Groups of units with what stands behind them, and frozen layers with the way out."""
    with ctx.database.reading() as session:
        row = service.find(session, visitor.owner_id, MODEL, model_id)
        view = service.view(row)
        found = None
        if view.status == "ready":
            found = service.prunability(session, visitor.owner_id, model_id)
    response = page.answer(request, "model.html", {"model": view, "prunability": found})
    if view.status == "checking":
        response.headers["Refresh"] = "3"
    return response
