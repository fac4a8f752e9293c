"""Idempotency-Key: its place. A key that would be ignored is worse than one that is refused."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header

from prunery.specs.errors import FieldError, PruneryError


def _refuse(idempotency_key: Annotated[str | None, Header(include_in_schema=False)] = None) -> None:
    if idempotency_key is not None:
        message = "Idempotency-Key is not built yet: leave the header out."
        raise PruneryError(
            "not_available_yet",
            message,
            errors=[FieldError(pointer="/header/idempotency-key", message=message)],
        )


not_yet = Depends(_refuse)
