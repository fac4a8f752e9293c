"""What POST /v1/jobs would make of a pair, and what is known before it starts.

The judgement is the same code that makes a job, so that a check that passes is a job that starts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import cast

from sqlalchemy.orm import Session

from app.core.settings import Settings
from app.core.tables import DatasetTable, ModelTable
from app.jobs import creation, durations
from app.jobs.schemas import Check, CheckRequest
from app.uploads import service
from app.uploads.kinds import DATASET, MODEL, UploadTable
from prunery.screening import splits
from prunery.specs.datasets import DatasetSummary
from prunery.specs.errors import PruneryError
from prunery.specs.job import DatasetView, JobRequest, ModelView
from prunery.specs.models import Prunability
from prunery.specs.report import Decision

# Of a model that is wrong once in ten, which is what a first model usually is.
TYPICAL_ERROR = 0.1


def judge(
    session: Session,
    owner_id: str,
    asked: CheckRequest,
    settings: Settings,
    request_id: str | None,
) -> Check:
    """Everything that is known of a pair now. Raises: `not_found`."""
    # The kind that is looked for says which table and which view it is.
    model = cast(ModelTable, service.find(session, owner_id, MODEL, asked.model))
    dataset = None
    if asked.dataset is not None:
        dataset = cast(DatasetTable, service.find(session, owner_id, DATASET, asked.dataset))
    initial = None
    if asked.initial_model is not None:
        initial = cast(ModelTable, service.find(session, owner_id, MODEL, asked.initial_model))
    rows: list[UploadTable] = [row for row in (model, dataset, initial) if row is not None]
    model_view = cast(ModelView, service.view(model))
    dataset_view = None if dataset is None else cast(DatasetView, service.view(dataset))
    known = {"model": model_view, "dataset": dataset_view}
    if any(row.status == "checking" for row in rows):
        return Check.model_validate({"status": "checking", **known})
    try:
        for row in rows:
            service.require_ready(row)
        order = creation.order(JobRequest.model_validate(asked.model_dump()), settings)
        creation.check_fit(model, dataset, order.recipe)
        creation.check_past(model, initial)
    except PruneryError as error:
        problem = error.problem(request_id=request_id)
        return Check.model_validate({"status": "done", "fits": False, "problem": problem, **known})
    examples = None if dataset_view is None else test_examples(dataset_view)
    return Check.model_validate(
        {
            "status": "done",
            "fits": True,
            "recipe": order.recipe,
            "prunability": Prunability.model_validate(model.prunability or {}),
            "decisions": tuple(_decisions(model_view, dataset_view)),
            "test_examples": examples,
            "smallest_difference": smallest_difference(examples) if examples else None,
            "duration": durations.expected(session, model, dataset, order.recipe),
            **known,
        }
    )


def test_examples(dataset: DatasetView) -> int | None:
    """How many examples the test will have."""
    if dataset.summary is None:
        return None
    given = dataset.summary.examples
    if "test" in given:
        return given["test"]
    return math.floor(sum(given.values()) * dataset.options.test_fraction)


def smallest_difference(examples: int) -> float:
    """The smallest change of an error rate that so many test examples can show."""
    return 1.96 * math.sqrt(TYPICAL_ERROR * (1 - TYPICAL_ERROR) / max(examples, 1))


def _decisions(model: ModelView, dataset: DatasetView | None) -> Iterator[Decision]:
    """What was left open, and what is taken unless the recipe or the options say otherwise."""
    if dataset is None or dataset.summary is None or model.summary is None:
        return
    yield from _splits(dataset, dataset.summary)
    labels = dataset.summary.labels
    if dataset.format == "csv" and dataset.options.label_column is None and labels:
        why = "It is the only column that can be it."
        yield Decision(field="label_column", chosen=labels[0].array, why=why)
    if any(label.kind == "strings" for label in labels):
        why = "Labels are texts: they are numbered in sorted order, and the report says how."
        yield Decision(field="labels", chosen="numbered", why=why)
    if model.summary.compiled is None or model.summary.compiled.loss is None:
        why = "The model was saved without a loss: it is chosen by the labels and the output."
        yield Decision(field="training.loss", chosen="auto", why=why)


def _splits(dataset: DatasetView, summary: DatasetSummary) -> Iterator[Decision]:
    for name, share in splits.drawn(dataset.options, summary.examples).items():
        chosen = f"{share:g} of the examples, by seed {dataset.options.seed}"
        why = f"The dataset has no {name} examples of its own."
        yield Decision(field=f"{name}_fraction", chosen=chosen, why=why)
