"""Shapes of one example: None is a size that is free, or not known yet."""

from __future__ import annotations

Shape = tuple[int | None, ...]


def same(found: Shape, wanted: Shape) -> bool:
    """Whether both are one shape as far as their sizes are known."""
    return len(found) == len(wanted) and all(
        want is None or size is None or size == want
        for size, want in zip(found, wanted, strict=True)
    )


def text(shape: Shape) -> str:
    """A shape as Python writes it, free sizes as `any`."""
    sizes = ["any" if size is None else str(size) for size in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"
