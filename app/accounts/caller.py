"""Who is asking. A route that takes `Caller` has looked at the key before it reads the body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import structlog
from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from app.accounts import service
from app.context import Ctx
from app.core.tables import LOCAL_OWNER
from prunery.specs.errors import PruneryError


@dataclass(frozen=True)
class Identity:
    owner_id: str


async def identify(request: Request, ctx: Ctx) -> Identity:
    """The owner behind the key; the local owner where this server asks for none.

    Raises: `unauthorized`.
    """
    if not ctx.settings.needs_keys:
        return Identity(LOCAL_OWNER)
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise PruneryError("unauthorized", "This server asks for a key.")
    owner_id = await run_in_threadpool(service.owner_of, ctx.database, key.strip())
    if owner_id is None:
        raise PruneryError("unauthorized", "This key is not known, or it was revoked.")
    structlog.contextvars.bind_contextvars(owner_id=owner_id)
    return Identity(owner_id)


Caller = Annotated[Identity, Depends(identify)]
