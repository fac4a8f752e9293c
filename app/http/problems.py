"""Every non-2xx answer is a problem document (RFC 9457); pages may show it as HTML."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from app.http.request_id import request_id_of
from prunery.specs.errors import FieldError, Problem, PruneryError, pointer_to

MEDIA_TYPE = "application/problem+json"
ErrorPage = Callable[[Request, Problem], Response]

_CODES_BY_STATUS = {
    400: "body_invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "upload_too_large",
    415: "media_type_unsupported",
    416: "range_not_satisfiable",
    429: "quota_exceeded",
    503: "service_unavailable",
}
_RETRY_AFTER_SECONDS = {"upload_not_ready": 2, "quota_exceeded": 30, "service_unavailable": 10}
_CUT = 500


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""
    app.add_exception_handler(PruneryError, _on_prunery_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)


def respond(
    request: Request, error: PruneryError, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer to `error`: JSON for services, the web's own page for a person's browser."""
    problem = error.problem(request_id=request_id_of(request.scope))
    problem = problem.model_copy(update={"detail": problem.detail[:_CUT]})
    page: ErrorPage | None = getattr(request.app.state, "error_page", None)
    if page is not None and _wants_page(request):
        response = page(request, problem)
    else:
        response = Response(
            problem.model_dump_json(exclude_none=True), problem.status, media_type=MEDIA_TYPE
        )
    for name, value in (headers or {}).items():
        response.headers[name] = value
    if problem.code in _RETRY_AFTER_SECONDS:
        response.headers.setdefault("Retry-After", str(_RETRY_AFTER_SECONDS[problem.code]))
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    response.headers["Cache-Control"] = "no-store"
    return response


def _wants_page(request: Request) -> bool:
    return not request.url.path.startswith("/v1/") and "text/html" in request.headers.get(
        "accept", ""
    )


async def _on_prunery_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PruneryError)  # noqa: S101  (Starlette types handlers by Exception)
    return respond(request, error)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return respond(request, from_validation(error))


def from_validation(error: RequestValidationError) -> PruneryError:
    """FastAPI's findings as one error; JSON pointers for the body, /query/x for the rest."""
    found = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        return PruneryError("body_invalid", "The body is not valid JSON.")
    errors = tuple(
        FieldError(pointer=_pointer(item["loc"]), message=str(item["msg"])[:_CUT])
        for item in found[:50]
    )
    where = ", ".join(item.pointer or "the body" for item in errors[:5])
    return PruneryError("request_invalid", f"Not valid: {where}."[:_CUT], errors=errors)


def _pointer(location: tuple[int | str, ...]) -> str:
    parts = location[1:] if location and location[0] == "body" else location
    return pointer_to(*parts)[:_CUT]


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    if isinstance(error.__cause__, PruneryError):  # with headers, or while the body was read
        return respond(request, error.__cause__, error.headers)
    if error.status_code == 304:
        return Response(status_code=304, headers=error.headers)
    code = _CODES_BY_STATUS.get(
        error.status_code, "internal" if error.status_code >= 500 else "body_invalid"
    )
    if code == "method_not_allowed":
        return _method_not_allowed(request)
    return respond(request, PruneryError(code, _detail(code, request)), error.headers)


def _detail(code: str, request: Request) -> str:
    if code == "not_found":
        return f"There is nothing at {request.url.path[:200]}."
    if code == "body_invalid":
        return "The body could not be read."
    return "The server could not do what was asked."


def _method_not_allowed(request: Request) -> Response:
    allowed = allowed_methods(request)
    detail = f"{request.method[:20]} is not possible here; {', '.join(allowed)} is."
    return respond(
        request, PruneryError("method_not_allowed", detail), {"Allow": ", ".join(allowed)}
    )


def allowed_methods(request: Request) -> list[str]:
    """Methods of every route at this path; the framework names those of the first only."""
    found: set[str] = set()
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        scope = {**request.scope, "method": method, "headers": Headers({}).raw}
        if any(route.matches(scope)[0] == Match.FULL for route in request.app.routes):
            found.add(method)
    if "GET" in found:
        found.add("HEAD")
    return sorted(found)
