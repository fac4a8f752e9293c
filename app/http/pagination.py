"""Lists come in pages: `?limit=&after=`, answered by `{items, next}`, newest first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query

from prunery.specs.base import Wire

Item = TypeVar("Item")
Row = TypeVar("Row")


class Page(Wire, Generic[Item]):
    """`next` goes into `after` for the page behind this one; None: there is none."""

    items: tuple[Item, ...]
    next: str | None = None


class Cut(Wire):
    """Which page is asked for: `limit` items that come after the id `after`."""

    limit: int
    after: str | None = None


def _cut(
    limit: Annotated[int, Query(ge=1, le=200, description="Items a page.")] = 50,
    after: Annotated[
        str | None,
        Query(pattern=r"^[a-z]{3}_[0-9a-z]{26}$", description="`next` of the page before."),
    ] = None,
) -> Cut:
    return Cut(limit=limit, after=after)


Asked = Annotated[Cut, Depends(_cut)]


def page(
    rows: Sequence[Row], cut: Cut, view: Callable[[Row], Item], key: Callable[[Row], str]
) -> Page[Item]:
    """A page from `rows`, of which one more than `cut.limit` was asked for."""
    shown = rows[: cut.limit]
    more = len(rows) > cut.limit
    return Page(items=tuple(view(row) for row in shown), next=key(shown[-1]) if more else None)
