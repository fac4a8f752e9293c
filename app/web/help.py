"""Steps, file layouts and a glossary."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.context import Ctx
from app.web import page, sample

router = APIRouter(include_in_schema=False)


@router.get("/help")
def show_help(request: Request, ctx: Ctx) -> Response:
    """For people who never heard of sparsity."""
    context = {
        "sample": sample.is_here(),
        "limits": {
            "model": ctx.settings.max_model_bytes,
            "dataset": ctx.settings.max_dataset_bytes,
        },
        "kept_days": round(ctx.settings.job_ttl_seconds / 86_400),
    }
    return page.answer(request, "help.html", context)
