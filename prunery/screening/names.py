"""Names of layers and models."""

from __future__ import annotations

from typing import Any

from prunery.specs.errors import PruneryError

MAX_LENGTH = 200


def check_name(name: Any) -> None:
    """Refuse a name with control characters or without an end; None is no name."""
    if name is None:
        return
    if not isinstance(name, str):
        raise PruneryError("model_layer_name", "A layer's name is not a text.")
    if not 0 < len(name) <= MAX_LENGTH:
        raise PruneryError(
            "model_layer_name",
            f"The layer name {name[:40]!r} has {len(name)} characters; 1 to {MAX_LENGTH} fit.",
        )
    if not name.isprintable():
        raise PruneryError(
            "model_layer_name", f"The layer name {name[:80]!r} holds control characters."
        )
