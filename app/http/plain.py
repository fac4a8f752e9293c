"""Values that every database and every JSON reader takes: refused here rather than broken there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from prunery.specs.errors import FieldError, PruneryError


def require(value: Any, pointer: str = "") -> None:
    """Raise `request_invalid` for a number that is not finite, or text that cannot be stored."""
    if wrong := list(_wrong(value, pointer)):
        raise PruneryError(
            "request_invalid", f"{wrong[0].pointer}: {wrong[0].message}", errors=wrong[:50]
        )


def _wrong(value: Any, pointer: str) -> Iterator[FieldError]:
    if isinstance(value, dict):
        for key, item in value.items():
            below = f"{pointer}/{_shown(key).replace('~', '~0').replace('/', '~1')}"
            if not _is_text(key):
                yield FieldError(pointer=below, message="The name has a character of no text.")
            yield from _wrong(item, below)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _wrong(item, f"{pointer}/{index}")
    elif isinstance(value, float) and not math.isfinite(value):
        yield FieldError(pointer=pointer, message="Write a finite number.")
    elif isinstance(value, str) and not _is_text(value):
        yield FieldError(pointer=pointer, message="Leave out the NUL or the half of a character.")


def _is_text(text: str) -> bool:
    """JSON can spell what is no text: NUL, which Postgres cannot store, and lone surrogates."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _shown(text: str) -> str:
    return text[:100].encode("utf-8", "replace").decode().replace("\0", "?")
