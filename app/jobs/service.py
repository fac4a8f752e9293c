"""What an owner may ask of a job, and how a job is shown.

Every step is one UPDATE with the statuses it may start from (`app.core.states`): of two requests
at once, or of a request and a worker, one wins and the other is told how the job stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from app.core import clock, events, ids, states
from app.core.settings import Settings
from app.core.tables import ArtifactTable, JobTable
from app.jobs.creation import Order, count, in_body, new_row
from app.jobs.repository import JobRepository
from app.uploads import service as uploads
from prunery.specs.errors import Problem, PruneryError
from prunery.specs.job import TERMINAL, ArtifactView, JobView, LevelView, Status
from prunery.specs.recipe import Recipe


def find(session: Session, owner_id: str, job_id: str) -> JobTable:
    """One job of this owner. Raises `not_found`."""
    row = JobRepository(session, owner_id).find(job_id) if ids.is_valid(job_id, "job") else None
    if row is None:
        raise PruneryError("not_found", f"There is no job {job_id[:40]}.")
    return row


def cancel(session: Session, owner_id: str, job_id: str, settings: Settings) -> JobTable:
    """Stop a job: at once when nothing runs, else its worker is asked."""
    jobs, moment = JobRepository(session, owner_id), clock.now()
    if find(session, owner_id, job_id).status == Status.CANCELLING:
        return find(session, owner_id, job_id)
    waiting = states.sources(Status.CANCELLED) - {Status.CANCELLING}
    at_once = {
        "cancel_requested_at": moment,
        "finished_at": moment,
        "expires_at": moment + timedelta(seconds=settings.job_ttl_seconds),
    }
    if jobs.move(job_id, waiting, Status.CANCELLED, **at_once):
        return _said(session, owner_id, job_id)
    running = states.sources(Status.CANCELLING)
    if jobs.move(job_id, running, Status.CANCELLING, cancel_requested_at=moment):
        return _said(session, owner_id, job_id)
    states.check(find(session, owner_id, job_id).status, Status.CANCELLING)
    raise PruneryError("conflict", "The job is changing at this moment: ask again.")


def pause(session: Session, owner_id: str, job_id: str) -> JobTable:
    """Ask a running job's worker to stop at a checkpoint and to leave the job paused."""
    return _ask_running(session, owner_id, job_id, "pause_requested_at", "pause")


def finish(session: Session, owner_id: str, job_id: str) -> JobTable:
    """Ask a running job to stop training and to pack the best level so far."""
    row = find(session, owner_id, job_id)
    if row.status == Status.RUNNING and not JobRepository(session, owner_id).levels(job_id):
        raise PruneryError(
            "transition_impossible",
            "The dense model is not trained yet, so there is nothing to pack.",
            hint="Wait for level 0, or cancel the job.",
        )
    return _ask_running(session, owner_id, job_id, "finish_requested_at", "finish")


def resume(session: Session, owner_id: str, job_id: str) -> JobTable:
    """Put a paused job back into the queue; it goes on from its checkpoint."""
    jobs = JobRepository(session, owner_id)
    changed: dict[str, Any] = {
        "pause_requested_at": None,
        "queued_at": clock.now(),
        "dispatched_at": None,
    }
    if not jobs.move(job_id, {Status.PAUSED}, Status.QUEUED, **changed):
        row = find(session, owner_id, job_id)
        raise PruneryError("transition_impossible", f"The job is {row.status}, not paused.")
    return _said(session, owner_id, job_id)


def retry(
    session: Session, owner_id: str, job_id: str, settings: Settings, request_id: str | None
) -> JobTable:
    """Make a new job like an ended one, which it names as its parent."""
    old = find(session, owner_id, job_id)
    if not is_terminal(old):
        raise PruneryError(
            "transition_impossible", f"The job is {old.status}: retry is for jobs that ended."
        )
    return _follow(session, old, settings, request_id, old.kind, old.choose_level)


def choose(
    session: Session,
    owner_id: str,
    job_id: str,
    level: int,
    settings: Settings,
    request_id: str | None,
) -> JobTable:
    """Make a job that makes another finished level the result of this one."""
    parent = find(session, owner_id, job_id)
    if parent.status != Status.SUCCEEDED:
        raise PruneryError(
            "transition_impossible",
            f"The job is {parent.status}; only a succeeded job's levels can be chosen.",
        )
    if parent.deleted_at is not None:
        raise PruneryError("gone", "The levels of this job were deleted.")
    jobs = JobRepository(session, owner_id)
    if level not in {row.level for row in jobs.levels(job_id)}:
        raise PruneryError("not_found", f"The job has no finished level {level}.")
    return _follow(session, parent, settings, request_id, "choose", level)


def _follow(
    session: Session,
    old: JobTable,
    settings: Settings,
    request_id: str | None,
    kind: str,
    level: int | None,
) -> JobTable:
    """Queue a job on the same files by the same recipe; `old` becomes its parent."""
    order = Order(
        old.model_id,
        old.dataset_id,
        old.initial_model_id,
        old.name,
        Recipe.model_validate(old.recipe),
        old.deadline_seconds or settings.deadline_seconds,
    )
    count(session, old.owner_id, settings)
    _require_uploads(session, old.owner_id, order)
    row = new_row(old.owner_id, order, settings.queue, old.name, request_id, clock.now())
    # The parent of a choosing job is the one whose levels it takes, also when it is tried again.
    row.parent_id = old.parent_id if old.kind == "choose" else old.id
    row.kind, row.choose_level = kind, level
    JobRepository(session, old.owner_id).add(row)
    events.append_status(session, row.id, Status.QUEUED, 0)
    return row


def _require_uploads(session: Session, owner_id: str, order: Order) -> None:
    for _, kind, upload_id in order.uploads:
        try:
            uploads.require_ready(uploads.find(session, owner_id, kind, upload_id, keep=True))
        except PruneryError as error:
            if error.code != "not_found":
                raise
            raise PruneryError("gone", f"The {kind.name} of that job was deleted.") from None


def _ask_running(session: Session, owner_id: str, job_id: str, column: str, verb: str) -> JobTable:
    row = find(session, owner_id, job_id)
    jobs = JobRepository(session, owner_id)
    if not jobs.move(job_id, {Status.RUNNING}, None, **{column: clock.now()}):
        raise PruneryError(
            "transition_impossible", f"The job is {row.status}: only a running job can {verb}."
        )
    return find(session, owner_id, job_id)


def _said(session: Session, owner_id: str, job_id: str) -> JobTable:
    row = find(session, owner_id, job_id)
    events.append_status(session, row.id, Status(row.status), row.attempt)
    return find(session, owner_id, job_id)


def is_terminal(row: JobTable) -> bool:
    return Status(row.status) in TERMINAL


def show(session: Session, owner_id: str, rows: Sequence[JobTable]) -> list[JobView]:
    """Jobs as they go over the wire."""
    jobs = JobRepository(session, owner_id)
    artifacts = jobs.artifacts([row.id for row in rows])
    return [
        view(
            row,
            artifacts.get(row.id, ()) if row.deleted_at is None else (),
            jobs.queue_position(row) if row.status == Status.QUEUED else None,
        )
        for row in rows
    ]


def view(row: JobTable, artifacts: Sequence[ArtifactTable], position: int | None) -> JobView:
    """One job as it goes over the wire; a stage only lives while the job runs."""
    runs = row.status in (Status.RUNNING, Status.CANCELLING)
    return JobView.model_validate(
        {
            "id": row.id,
            "name": row.name,
            "model": row.model_id,
            "dataset": row.dataset_id,
            "initial_model": row.initial_model_id,
            "parent": row.parent_id,
            "status": row.status,
            "is_terminal": is_terminal(row),
            "stage": row.stage if runs else None,
            "level": row.level,
            "levels": row.levels,
            "progress": row.progress,
            "eta_seconds": row.eta_seconds if runs else None,
            "queue_position": position,
            "attempt": row.attempt,
            "recipe": row.recipe,
            "metrics": row.metrics,
            # An attempt that broke off leaves its error in a job that will be tried again.
            "error": _told(row.error) if row.status == Status.FAILED else None,
            "artifacts": [artifact_view(artifact) for artifact in artifacts],
            "created_at": row.created_at,
            "started_at": row.started_at,
            "finished_at": row.finished_at,
            "expires_at": row.expires_at,
        }
    )


def _told(error: dict[str, Any] | None) -> Problem | None:
    """What the engine found wrong, as the answer to the request would have said it."""
    if error is None:
        return None
    problem = Problem.model_validate(error)
    return problem.model_copy(update={"errors": in_body(problem.errors)})


def artifact_view(row: ArtifactTable) -> ArtifactView:
    return ArtifactView(
        name=row.name, size_bytes=row.size_bytes, sha256=row.sha256, media_type=row.media_type
    )


def levels(session: Session, owner_id: str, job_id: str) -> tuple[LevelView, ...]:
    """Every finished level of a job, the dense model first."""
    find(session, owner_id, job_id)
    return tuple(
        LevelView.model_validate(
            {
                "level": row.level,
                "figures": row.figures,
                "within_limit": row.within_limit,
                "chosen": row.chosen,
            }
        )
        for row in JobRepository(session, owner_id).levels(job_id)
    )
