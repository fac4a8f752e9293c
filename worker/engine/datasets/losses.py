"""Reading a loss's name: which output it belongs to, and how labels must look for it."""

from __future__ import annotations

from collections.abc import Sequence


def of_output(loss: str, name: str, index: int) -> str:
    """The loss of one output, in lower case without underscores.

    `loss` is a single name, or several as `CompileInfo` has them: `a: mse, b: mae` or `mse, mae`
    (`none, mae` where one has none).
    """
    parts = [part.strip() for part in loss.split(",") if part.strip()]
    named = dict(part.split(": ", 1) for part in parts if ": " in part)
    if named:
        found = named.get(name, "")
    elif len(parts) > 1:
        found = parts[index] if index < len(parts) else ""
    else:
        found = parts[0] if parts else ""
    return "" if found == "none" else found.lower().replace("_", "")


def asks_nothing_of(loss: str, names: Sequence[str]) -> frozenset[str]:
    """Outputs without a loss where another has one: they need no labels."""
    without = {name for index, name in enumerate(names) if not of_output(loss, name, index)}
    return frozenset(without) if len(without) < len(names) else frozenset()
