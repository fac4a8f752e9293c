"""Addresses that are planned: kept, and refused with words."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from app.accounts.caller import Caller
from prunery.specs.errors import PruneryError

router = APIRouter(include_in_schema=False)
PLANNED = {
    "checks/{check_id}": "Checks are not kept yet: POST /v1/checks answers at once.",
    "uploads": "Resumable uploads are not built yet: POST the file to /v1/models or /v1/datasets.",
}


def _planned(name: str) -> None:
    def refuse(caller: Caller) -> Response:  # noqa: ARG001 - strangers learn nothing
        raise PruneryError("not_available_yet", PLANNED[name])

    methods = ["GET", "POST", "PATCH", "DELETE"]
    router.add_api_route(f"/v1/{name}", refuse, methods=methods)
    if not name.endswith("}"):
        router.add_api_route(f"/v1/{name}/{{rest:path}}", refuse, methods=methods)


for planned in PLANNED:
    _planned(planned)
