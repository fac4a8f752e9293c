"""/v1/recipes: the named recipes, whole."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.accounts.caller import Caller
from app.http import etags
from app.jobs.schemas import Preset, Presets
from prunery.specs import presets

router = APIRouter(prefix="/v1/recipes", tags=["service"])


@router.get("", response_model=Presets)
def list_recipes(request: Request, caller: Caller) -> Response:  # noqa: ARG001
    """The presets; a job's recipe is laid over one of them."""
    items = tuple(
        Preset(
            name=name,
            description=presets.DESCRIPTIONS[name],
            recipe=presets.resolve({"preset": name}),
        )
        for name in presets.PRESETS
    )
    return etags.answer(request, Presets(default=presets.DEFAULT, items=items))
