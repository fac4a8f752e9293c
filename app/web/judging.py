"""What forbids a job, told before anybody asks for it: on the check page and in the form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlalchemy.orm import Session

from app.core.settings import Settings
from app.core.tables import DatasetTable, ModelTable
from app.jobs import creation, durations
from app.uploads.kinds import UploadTable
from app.web.answers import Answers
from app.web.problems import Finding, of_recipe
from prunery.reports.language import Language
from prunery.screening.duration import Duration
from prunery.specs.errors import PruneryError
from prunery.specs.job import JobRequest


def judge(
    rows: Sequence[UploadTable], answers: Answers, words: Language, settings: Settings
) -> list[Finding]:
    """What is wrong with the answers; with the files, too, once all were looked at."""
    model, dataset, *past = rows
    try:
        recipe = creation.order(asked(answers), settings).recipe
        if all(row.status == "ready" for row in rows):
            creation.check_fit(cast(ModelTable, model), cast(DatasetTable, dataset), recipe)
            for initial in past:
                creation.check_past(cast(ModelTable, model), cast(ModelTable, initial))
    except PruneryError as error:
        return of_recipe(error, answers, words)
    return []


def duration_of(
    session: Session, rows: tuple[UploadTable, UploadTable], answers: Answers, settings: Settings
) -> Duration:
    """How long the job may take that nothing forbids."""
    model, dataset = rows
    recipe = creation.order(asked(answers), settings).recipe
    return durations.expected(session, cast(ModelTable, model), cast(DatasetTable, dataset), recipe)


def asked(answers: Answers) -> JobRequest:
    """The job that the answers ask for."""
    return JobRequest(
        model=answers.model,
        dataset=answers["dataset"] or None,
        initial_model=answers["initial"] or None,
        name=answers["name"] or None,
        recipe=answers.recipe(),
    )
