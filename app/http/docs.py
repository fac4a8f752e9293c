"""/docs: the OpenAPI document as a plain page, with no script and nothing from elsewhere."""

from __future__ import annotations

import html
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

router = APIRouter(include_in_schema=False)
_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"


@router.get("/docs", response_class=HTMLResponse)
def show_docs(request: Request) -> HTMLResponse:
    """Every call: method, address, what it does, what it takes."""
    document = request.app.openapi()
    return HTMLResponse(page(document), headers={"Content-Security-Policy": _POLICY})


def page(document: dict[str, Any]) -> str:
    """The document as HTML."""
    title = html.escape(document["info"]["title"])
    calls = "\n".join(
        _call(method, path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title} API</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<main><h1>{title} API, version 1</h1><p>{html.escape(document['info']['description'])}"
        '</p><p>For machines: <a href="/openapi.json">/openapi.json</a>.</p>'
        f"{calls}</main></html>"
    )


def _call(method: str, path: str, operation: dict[str, Any]) -> str:
    inputs = "".join(
        f"<li><code>{html.escape(item['name'])}</code> ({html.escape(item['in'])}"
        f"{', required' if item.get('required') else ''}) "
        f"{html.escape(item.get('description') or item['schema'].get('description') or '')}</li>"
        for item in operation.get("parameters", [])
    )
    bodies = ", ".join(operation.get("requestBody", {}).get("content", {}))
    body = f"<p>Body: <code>{html.escape(bodies)}</code></p>" if bodies else ""
    words = html.escape(operation.get("description") or operation.get("summary", ""))
    return (
        f"<h2><code>{method.upper()} {html.escape(path)}</code></h2><p>{words}</p>"
        f"{body}<ul>{inputs}</ul>"
    )
