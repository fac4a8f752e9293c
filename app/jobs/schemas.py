"""Wire types that only the API's job routes use."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from prunery.screening.duration import Duration
from prunery.specs.base import Wire
from prunery.specs.errors import Problem
from prunery.specs.job import DatasetView, JobView, LevelView, ModelView
from prunery.specs.models import Prunability
from prunery.specs.recipe import Recipe
from prunery.specs.report import Decision


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


class CheckRequest(Wire):
    """Body of POST /v1/checks; as that of POST /v1/jobs."""

    model: str
    dataset: str | None = None
    initial_model: str | None = None
    recipe: dict[str, Any] = {}


class Check(Wire):
    """What is known of a pair. `problem` is what POST /v1/jobs would answer.

    `decisions`: what was left open, and what is taken. `smallest_difference`: the smallest change
    of an error rate that the test examples can show, for a model that is wrong once in ten.
    `duration`: how long the job may take once it runs, roughly.
    """

    status: Literal["checking", "done"]
    fits: bool | None = None
    problem: Problem | None = None
    model: ModelView
    dataset: DatasetView | None = None
    recipe: Recipe | None = None
    prunability: Prunability | None = None
    decisions: tuple[Decision, ...] = ()
    test_examples: int | None = None
    smallest_difference: float | None = None
    duration: Duration | None = None


class Compared(Wire):
    """One job of a comparison; `job.metrics` has its figures on the test examples."""

    job: JobView
    levels: tuple[LevelView, ...]


class Comparison(Wire):
    items: tuple[Compared, ...]


class Preset(Wire):
    """A named recipe, whole; a request's recipe is laid over it."""

    name: str
    description: str
    recipe: Recipe


class Presets(Wire):
    default: str
    items: tuple[Preset, ...]
