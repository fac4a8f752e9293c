"""Draw a template as an answer: the frame, the language cookie, addresses of static files."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import HTMLResponse

from app.web import language, problems
from app.web.static import find
from prunery import __version__
from prunery.reports.language import LANGUAGES
from prunery.reports.render import make_environment
from prunery.specs.errors import Problem

TEMPLATES = Path(__file__).parent / "templates"
YEAR_SECONDS = 31_536_000
KEY_COOKIE = "prunery_key"


def answer(
    request: Request, template: str, context: dict[str, Any], *, status: int = 200
) -> HTMLResponse:
    """A whole page."""
    words = language.of(request)
    environment = make_environment(words, TEMPLATES)
    environment.filters["noted"] = functools.partial(problems.note, language=words)
    html = environment.get_template(template).render(
        {
            "static": static_url,
            "version": __version__,
            "path": request.url.path,
            "in_form_words": functools.partial(problems.tell, language=words),
            "signed_in": KEY_COOKIE in request.cookies,
            "languages": [
                (code, name, _in_language(request, code)) for code, name in LANGUAGES.items()
            ],
            **context,
        }
    )
    response = HTMLResponse(html, status)
    response.headers["Vary"] = "Accept-Language, Cookie"
    if chosen := language.wanted(request):
        response.set_cookie(
            language.COOKIE, chosen, max_age=YEAR_SECONDS, samesite="lax", httponly=True
        )
    return response


def error_page(request: Request, problem: Problem) -> HTMLResponse:
    """The page for a refused request; 401 asks for the key."""
    if problem.status == 401:
        wanted = request.url.path if request.method == "GET" else "/"
        return answer(request, "signin.html", {"next": wanted, "wrong": False}, status=401)
    return answer(request, "error.html", {"problem": problem}, status=problem.status)


@functools.cache
def static_url(name: str) -> str:
    """The address of a static file, which changes with its content."""
    path = find(name)
    content = path.read_bytes() if path is not None else b""
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"


def _in_language(request: Request, code: str) -> str:
    kept = [(k, v) for k, v in request.query_params.multi_items() if k != "lang"]
    return f"{request.url.path}?{urlencode([*kept, ('lang', code)])}"
