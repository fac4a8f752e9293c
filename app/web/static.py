"""Stylesheet, font and script: our own and those that reports share."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from prunery.reports.assets import STATIC as REPORT_STATIC

router = APIRouter(include_in_schema=False)
STATIC = Path(__file__).parent / "static"


class _Files(StaticFiles):
    """Both folders as one."""

    def get_directories(self, *_: object, **__: object) -> list[str]:  # type: ignore[override]
        return [str(STATIC), str(REPORT_STATIC)]


_files = _Files(directory=STATIC)


@router.get("/static/{name:path}")
async def static_file(request: Request, name: str) -> Response:
    """One file; an address with its content's hash may be kept for ever."""
    response = await _files.get_response(name, request.scope)
    lasting = "v" in request.query_params
    response.headers["Cache-Control"] = (
        "public, max-age=31536000, immutable" if lasting else "public, max-age=3600"
    )
    return response


def find(name: str) -> Path | None:
    """Where a static file lies."""
    for folder in (STATIC, REPORT_STATIC):
        if (folder / name).is_file():
            return folder / name
    return None
