"""Making a job: recipe resolved, pair judged, quota counted, row queued."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy.orm import Session

from app.accounts.repository import OwnerRepository
from app.core import clock, events, ids
from app.core.settings import Settings
from app.core.tables import DatasetTable, JobTable, ModelTable
from app.http import plain
from app.jobs.repository import JobRepository
from app.uploads import names
from app.uploads import service as uploads
from app.uploads.kinds import DATASET, MODEL, Kind, UploadTable
from prunery.screening import fit
from prunery.specs import presets, rules
from prunery.specs.datasets import DatasetSummary
from prunery.specs.errors import FieldError, PruneryError
from prunery.specs.job import JobRequest, Status
from prunery.specs.models import ModelSummary, Prunability
from prunery.specs.recipe import Recipe


@dataclass(frozen=True)
class Order:
    """A job request whose own fields are sound; its uploads are not looked at yet."""

    model: str
    dataset: str | None
    initial_model: str | None
    name: str | None
    recipe: Recipe
    deadline_seconds: int

    @property
    def uploads(self) -> tuple[tuple[str, Kind, str], ...]:
        """Field, kind and id of everything that the job reads."""
        named = (
            ("/model", MODEL, self.model),
            ("/dataset", DATASET, self.dataset),
            ("/initial_model", MODEL, self.initial_model),
        )
        return tuple((field, kind, found) for field, kind, found in named if found is not None)


def order(request: JobRequest, settings: Settings) -> Order:
    """Judge what needs no database. Raises `recipe_invalid`, `not_available_yet` and the like."""
    plain.require(request.model_dump())
    if request.webhook is not None:
        raise _refused("not_available_yet", "/webhook", "Webhooks are not built yet: leave it out.")
    recipe = resolve(request.recipe)
    rules_apply(recipe, request)
    asked = (request.deadline_seconds, recipe.deadline_seconds, settings.deadline_seconds)
    deadline = next(seconds for seconds in asked if seconds is not None)
    if not 0 < deadline <= settings.max_deadline_seconds:
        message = f"A number of seconds from 1 to {settings.max_deadline_seconds}."
        raise _refused("request_invalid", "/deadline_seconds", message)
    return Order(
        request.model,
        request.dataset,
        request.initial_model,
        request.name,
        recipe.model_copy(update={"deadline_seconds": deadline}),
        deadline,
    )


def resolve(recipe: dict[str, Any]) -> Recipe:
    """The whole recipe; errors point into the request's body."""
    with _pointing_into_body():
        return presets.resolve(recipe)


def rules_apply(recipe: Recipe, request: JobRequest) -> None:
    """Raise what follows from the request as a whole."""
    with _pointing_into_body():
        rules.check_inputs(
            recipe,
            has_initial_model=request.initial_model is not None,
            has_dataset=request.dataset is not None or recipe.training.epochs != 0,
        )
    if request.dataset is None and recipe.training.epochs != 0:
        message = "Training needs a dataset; without one, set recipe.training.epochs to 0."
        raise _refused("request_invalid", "/dataset", message)


def create(
    session: Session, owner_id: str, made: Order, settings: Settings, request_id: str | None
) -> JobTable:
    """Insert the job. Raises what the uploads, their fit or the quota forbid."""
    jobs = JobRepository(session, owner_id)
    count(session, owner_id, settings)
    rows = {
        field: _ready(session, owner_id, kind, field, upload_id)
        for field, kind, upload_id in made.uploads
    }
    model = cast(ModelTable, rows["/model"])
    check_fit(model, cast("DatasetTable | None", rows.get("/dataset")), made.recipe)
    check_past(model, cast("ModelTable | None", rows.get("/initial_model")))
    name = names.plain(made.name or model.filename, "job")
    row = new_row(owner_id, made, settings.queue, name, request_id, clock.now())
    jobs.add(row)
    events.append_status(session, row.id, Status.QUEUED, 0)
    return row


def count(session: Session, owner_id: str, settings: Settings) -> None:
    """Raise `quota_exceeded` where this owner may have no further unfinished job."""
    OwnerRepository(session).lock(owner_id)
    if JobRepository(session, owner_id).active() >= settings.max_active_jobs:
        raise PruneryError(
            "quota_exceeded", f"{settings.max_active_jobs} jobs are unfinished, which is the limit."
        )


def new_row(
    owner_id: str,
    made: Order,
    queue: str,
    name: str,
    request_id: str | None,
    moment: datetime,
) -> JobTable:
    """A queued job."""
    return JobTable(
        id=ids.new("job"),
        owner_id=owner_id,
        name=name,
        queue=queue,
        model_id=made.model,
        dataset_id=made.dataset,
        initial_model_id=made.initial_model,
        recipe=made.recipe.model_dump(mode="json"),
        deadline_seconds=made.deadline_seconds,
        status=str(Status.QUEUED),
        request_id=request_id,
        created_at=moment,
        queued_at=moment,
    )


def check_fit(model: ModelTable, dataset: DatasetTable | None, recipe: Recipe) -> None:
    """Raise with every reason why model, data and recipe do not go together.

    Raises: `recipe_invalid` where only the recipe is wrong, else `dataset_mismatch`.
    """
    with _pointing_into_body():
        fit.require(
            ModelSummary.model_validate(model.summary),
            None if dataset is None else DatasetSummary.model_validate(dataset.summary),
            recipe,
            None if model.prunability is None else Prunability.model_validate(model.prunability),
        )


def check_past(model: ModelTable, initial: ModelTable | None) -> None:
    """Raise `model_weights_invalid` for an initial model of another architecture."""
    if initial is None:
        return
    ours, theirs = (ModelSummary.model_validate(one.summary) for one in (model, initial))
    if wrong := fit.past(ours, theirs):
        raise PruneryError("model_weights_invalid", wrong.message, errors=[wrong])


def _ready(session: Session, owner_id: str, kind: Kind, field: str, upload_id: str) -> UploadTable:
    try:
        row = uploads.find(session, owner_id, kind, upload_id, keep=True)
        uploads.require_ready(row)
    except PruneryError as error:
        pointed = FieldError(pointer=field, message=error.detail)
        raise PruneryError(error.code, error.detail, hint=error.hint, errors=[pointed]) from None
    return row


@contextmanager
def _pointing_into_body() -> Iterator[None]:
    """Findings of a recipe lead to where a request holds it."""
    try:
        yield
    except PruneryError as error:
        errors = in_body(error.errors)
        raise PruneryError(error.code, error.detail, hint=error.hint, errors=errors) from None


def in_body(errors: Sequence[FieldError]) -> tuple[FieldError, ...]:
    """Pointers into a recipe as pointers into the body of POST /v1/jobs; those of files are."""
    return tuple(
        one
        if one.pointer.startswith(fit.FILES)
        else one.model_copy(update={"pointer": f"/recipe{one.pointer}"})
        for one in errors
    )


def _refused(code: str, pointer: str, message: str) -> PruneryError:
    return PruneryError(code, message, errors=[FieldError(pointer=pointer, message=message)])
