"""The refusal of data that do not fit a model: which array, what was expected, what was found."""

from __future__ import annotations

from prunery.specs.errors import FieldError, PruneryError


def mismatch(array: str, expected: str, found: str, hint: str) -> PruneryError:
    """A dataset that does not fit: which array, what was expected, what was found."""
    message = f"expected {expected}, found {found}"
    return PruneryError(
        "dataset_mismatch",
        f"{array[:80]!r}: {message}.",
        hint=hint or None,
        errors=[FieldError(pointer=f"/dataset/{array[:80]}", message=message)],
    )
