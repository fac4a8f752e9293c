"""The inspection of an upload: the same walls and the same child as a job, but short."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from pydantic import ValidationError

from app.core import clock
from app.core.broker import Subject
from app.core.tables import DatasetTable, ModelTable
from prunery.specs.datasets import DatasetOptions
from prunery.specs.errors import PruneryError, raise_problem
from prunery.specs.events import DoneEvent, Event
from prunery.specs.job import DatasetInspection, EngineSpec, ModelInspection
from worker.runner.claim import Claim, LeaseLostError, claim_upload, reject, write
from worker.runner.context import Context
from worker.runner.heartbeat import Asked, Lease
from worker.runner.inputs import limits
from worker.runner.patience import patiently
from worker.runner.supervise import Ending, supervise, walls_line
from worker.runner.workspace import Workspace

log = structlog.get_logger()


def run_check(context: Context, subject: Subject, row_id: str) -> None:
    """Inspect an upload, if it still waits for that: ready with a summary, or rejected."""
    with structlog.contextvars.bound_contextvars(upload_id=row_id):
        with context.database.session() as session:
            claim = claim_upload(session, subject, row_id, context.settings)
        if claim is None:
            return
        with structlog.contextvars.bound_contextvars(
            attempt=claim.attempt, request_id=claim.upload.request_id
        ):
            try:
                _check(context, claim)
            except LeaseLostError:
                log.warning("check_void")


def _check(context: Context, claim: Claim) -> None:
    name = f"{claim.id}-a{claim.attempt}"
    lease = Lease(context.database, context.settings, claim, context.stopping)
    with Workspace(context.settings.work_dir / "jobs", name) as workspace, lease:
        try:
            if claim.attempt > context.settings.max_idle_attempts:
                raise PruneryError("worker_lost", "Every inspection of this file broke off.")
            ending = _inspect(context, claim, workspace, lease)
            if _try_again(context, claim, ending):
                return
            values = _found(claim, ending)
        except FileNotFoundError:
            error = PruneryError("gone", "The file was deleted before it could be checked.")
            _reject(context, claim, error)
        except PruneryError as error:
            _reject(context, claim, error)
        else:
            _save(context, claim, status="ready", check_lease_until=None, **values)
            log.info("upload_ready", seconds=round(ending.seconds, 1))


def _inspect(context: Context, claim: Claim, workspace: Workspace, lease: Lease) -> Ending:
    row = claim.upload
    path = workspace.fetch(context.storage, row.storage_key, f"upload.{row.format}")
    common: dict[str, Any] = {
        "work_dir": workspace.work,
        "limits": limits(context.settings),
        "sandbox": walls_line(),
    }
    if isinstance(row, DatasetTable):
        spec = EngineSpec(
            kind="inspect_dataset",
            dataset=path,
            dataset_filename=row.filename,
            dataset_options=DatasetOptions.model_validate(row.options),
            **common,
        )
    else:
        spec = EngineSpec(kind="inspect_model", model=path, model_filename=row.filename, **common)
    return supervise(spec, workspace, lease, context.settings, _ignore, readable=(path,))


def _ignore(_event: Event) -> None:
    """An inspection is too short for its stages to matter."""


def _try_again(context: Context, claim: Claim, ending: Ending) -> bool:
    """Let go of an inspection that was cut short by no fault of the file's, or once by its own."""
    if ending.asked is Asked.LOST:
        raise LeaseLostError(claim.id)
    if ending.last is not None or ending.asked is Asked.DEADLINE:
        return False
    if ending.asked is not Asked.SHUTDOWN and claim.attempt >= context.settings.max_idle_attempts:
        return False
    _save(context, claim, check_lease_until=None, dispatched_at=None)
    return True


def _found(claim: Claim, ending: Ending) -> dict[str, Any]:
    """The columns that the inspection fills. Raises: PruneryError where the file is refused."""
    if ending.problem is not None:
        raise_problem(ending.problem)
    if ending.asked is Asked.DEADLINE:
        raise PruneryError("deadline_exceeded", "The file could not be read in time.")
    if not isinstance(ending.last, DoneEvent):
        raise PruneryError("engine_crashed", f"Reading the file ended with {ending.describe()}.")
    try:
        if isinstance(claim.row, ModelTable):
            model = ModelInspection.model_validate(ending.last.result)
            return model.model_dump(mode="json")
        return DatasetInspection.model_validate(ending.last.result).model_dump(mode="json")
    except ValidationError as error:
        raise PruneryError("engine_crashed", "The inspection gave no usable answer.") from error


def _reject(context: Context, claim: Claim, error: PruneryError) -> None:
    """Refuse the upload and delete its bytes; the row stays for its time and says why."""

    def save() -> None:
        with context.database.session() as session:
            row = write(session, claim)
            if isinstance(row, ModelTable | DatasetTable):
                reject(row, error, clock.now())
                kept = timedelta(seconds=context.settings.upload_ttl_seconds)
                row.expires_at = row.expires_at or clock.now() + kept

    patiently(save)
    context.storage.delete(claim.upload.storage_key)
    log.info("upload_rejected", code=error.code)


def _save(context: Context, claim: Claim, **values: Any) -> None:
    def save() -> None:
        with context.database.session() as session:
            write(session, claim, **values)

    patiently(save)
