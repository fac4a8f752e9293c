"""Who looks at the pages: where keys are needed, a cookie that no script reads keeps one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from app.accounts import service
from app.accounts.caller import Identity
from app.context import Ctx
from app.core.tables import LOCAL_OWNER
from app.web import page
from prunery.specs.errors import PruneryError

router = APIRouter(include_in_schema=False)
KEPT_SECONDS = 30 * 86_400


async def _visit(request: Request, ctx: Ctx) -> Identity:
    if not ctx.settings.needs_keys:
        return Identity(LOCAL_OWNER)
    key = request.cookies.get(page.KEY_COOKIE, "")
    owner_id = await run_in_threadpool(service.owner_of, ctx.database, key) if key else None
    if owner_id is None:
        raise PruneryError("unauthorized", "This server asks for a key.")
    return Identity(owner_id)


Visitor = Annotated[Identity, Depends(_visit)]


@router.get("/signin")
def show_sign_in(request: Request) -> Response:
    """The form that takes a key."""
    return page.answer(request, "signin.html", {"next": "/", "wrong": False})


@router.post("/signin")
async def sign_in(
    request: Request,
    ctx: Ctx,
    key: Annotated[str, Form(max_length=200)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Keep the key in a cookie and go on to where the visitor wanted to be."""
    owner_id = await run_in_threadpool(service.owner_of, ctx.database, key.strip())
    if owner_id is None:
        context = {"next": _own_path(next), "wrong": True}
        return page.answer(request, "signin.html", context, status=401)
    response = RedirectResponse(_own_path(next), 303)
    secure = request.url.scheme == "https" or (ctx.settings.public_url or "").startswith("https")
    response.set_cookie(
        page.KEY_COOKIE,
        key.strip(),
        max_age=KEPT_SECONDS,
        httponly=True,
        samesite="lax",
        secure=secure,
    )
    return response


@router.post("/signout")
def sign_out() -> Response:
    """Forget the key."""
    response = RedirectResponse("/", 303)
    response.delete_cookie(page.KEY_COOKIE)
    return response


def _own_path(target: str) -> str:
    """Only paths of this server: never another host, written in whatever way."""
    plain = target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if plain and "\n" not in target and "\r" not in target else "/"
