"""How long a job may take here, by what finished jobs of this service took."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.core.tables import DatasetTable, ModelTable
from app.jobs.repository import finished_lately
from prunery.screening import duration
from prunery.screening.duration import Duration
from prunery.specs.datasets import DatasetOptions, DatasetSummary
from prunery.specs.models import ModelSummary
from prunery.specs.recipe import Recipe

LOOKED_AT = 30


def expected(
    session: Session, model: ModelTable, dataset: DatasetTable | None, recipe: Recipe
) -> Duration:
    """The range for a job on uploads that are ready."""
    given = None if dataset is None else dataset.summary
    options = {} if dataset is None else dataset.options
    asked = _estimate(model.summary or {}, given, options, recipe)
    return duration.corrected(asked, _finished(session))


def _finished(session: Session) -> Iterator[tuple[Duration, float]]:
    for one in finished_lately(session, LOOKED_AT):
        try:
            recipe = Recipe.model_validate(one.recipe)
            yield _estimate(one.model, one.dataset, one.options or {}, recipe), one.seconds
        except ValidationError:  # of a version whose words were others
            continue


def _estimate(
    model: dict[str, object],
    dataset: dict[str, object] | None,
    options: dict[str, object],
    recipe: Recipe,
) -> Duration:
    return duration.estimate(
        ModelSummary.model_validate(model),
        None if dataset is None else DatasetSummary.model_validate(dataset),
        DatasetOptions.model_validate(options),
        recipe,
    )
