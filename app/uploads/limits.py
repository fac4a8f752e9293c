"""/v1/limits: the limits in force."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.accounts.caller import Caller
from app.context import Ctx
from app.http import etags
from app.http.bodies import SMALL_BYTES
from app.http.prefer import MOST_SECONDS
from prunery.specs.base import Wire

router = APIRouter(prefix="/v1/limits", tags=["service"])


class Limits(Wire):
    """Sizes in bytes, times in seconds; per owner where a name says "active" or "stored"."""

    max_model_bytes: int
    max_dataset_bytes: int
    max_body_bytes: int
    max_parameters: int
    max_layers: int
    max_active_jobs: int
    max_stored_bytes: int
    max_deadline_seconds: int
    max_wait_seconds: int
    upload_ttl_seconds: int
    job_ttl_seconds: int
    queue_ttl_seconds: int


@router.get("", response_model=Limits)
def show_limits(request: Request, ctx: Ctx, caller: Caller) -> Response:  # noqa: ARG001
    """The limits in force on this server."""
    settings = ctx.settings
    limits = Limits(
        max_model_bytes=settings.max_model_bytes,
        max_dataset_bytes=settings.max_dataset_bytes,
        max_body_bytes=SMALL_BYTES,
        max_parameters=settings.max_parameters,
        max_layers=settings.max_layers,
        max_active_jobs=settings.max_active_jobs,
        max_stored_bytes=settings.max_stored_bytes,
        max_deadline_seconds=settings.max_deadline_seconds,
        max_wait_seconds=MOST_SECONDS,
        upload_ttl_seconds=settings.upload_ttl_seconds,
        job_ttl_seconds=settings.job_ttl_seconds,
        queue_ttl_seconds=settings.queue_ttl_seconds,
    )
    return etags.answer(request, limits)
