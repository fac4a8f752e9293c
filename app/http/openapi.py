"""The OpenAPI document: FastAPI's, with the answers that every route has in common."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.http.problems import MEDIA_TYPE
from prunery.specs.errors import Problem

DESCRIPTION = (
    "Upload a Keras model and a dataset, queue a job, get a smaller model and a report. "
    "Every answer that is not 2xx is an application/problem+json document."
)
_PROBLEM = {
    "description": "A problem: what is wrong, where, and what to do",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_ONCE = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    "description": "The same key and body get the first answer again, for a day.",
}


def install(app: FastAPI) -> None:
    """Serve `document(app)` at /openapi.json."""
    app.openapi = lambda: document(app)  # type: ignore[method-assign]


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes
        )
        _finish(made)
        app.openapi_schema = made
    return app.openapi_schema


def _finish(made: dict[str, Any]) -> None:
    schemas = made["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schemas["Problem"].pop("$defs", {}))
    made["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    made["security"] = [{}, {"key": []}]
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            if method == "post" and path.startswith("/v1/jobs"):
                operation.setdefault("parameters", []).append(_ONCE)
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = _PROBLEM


def text(app: FastAPI) -> str:
    """The document as docs/openapi.json holds it: `python -m app.main > docs/openapi.json`."""
    return json.dumps(document(app), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
