"""One id per request: taken from the caller where it is harmless, else made, logged, sent back."""

from __future__ import annotations

import re
import secrets

from starlette.datastructures import Headers
from starlette.types import Scope

HEADER = "X-Request-Id"
_HARMLESS = re.compile(r"[A-Za-z0-9_.-]{8,64}")
_KEY = "prunery.request_id"


def assign(scope: Scope) -> str:
    """Give this request its id."""
    given = Headers(scope=scope).get(HEADER, "")
    chosen = given if _HARMLESS.fullmatch(given) else f"req_{secrets.token_hex(12)}"
    scope[_KEY] = chosen
    return chosen


def request_id_of(scope: Scope) -> str | None:
    """The id that `assign` gave."""
    found: str | None = scope.get(_KEY)
    return found
