"""Wire types that only the API's job routes use."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prunery.specs.base import Wire
from prunery.specs.job import LevelView
from prunery.specs.recipe import Recipe


class JobEventView(Wire):
    """One event of a job; `id` numbers them without gaps."""

    id: int
    type: str
    data: dict[str, Any]
    created_at: datetime


class EventPage(Wire):
    """Events, oldest first; `next` goes into `after` for those behind them."""

    items: tuple[JobEventView, ...]
    next: str | None = None


class Levels(Wire):
    items: tuple[LevelView, ...]


class Preset(Wire):
    """A named recipe, whole; a request's recipe is laid over it."""

    name: str
    description: str
    recipe: Recipe


class Presets(Wire):
    default: str
    items: tuple[Preset, ...]
