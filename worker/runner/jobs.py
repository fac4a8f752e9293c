"""A job from wake-up to outcome."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.tables import DatasetTable, JobLevelTable, JobTable, ModelTable
from prunery.specs.datasets import DatasetOptions
from prunery.specs.errors import PruneryError
from prunery.specs.job import EngineSpec
from prunery.specs.recipe import Recipe
from worker.runner import outcome
from worker.runner.caches import owner_cache
from worker.runner.claim import Claim, LeaseLostError, claim_job
from worker.runner.context import Context
from worker.runner.deliver import deliver
from worker.runner.files import UnsafeFileError
from worker.runner.heartbeat import Lease
from worker.runner.patience import patiently
from worker.runner.progress import Recorder
from worker.runner.spec import limits
from worker.runner.supervise import INTERRUPTED, Ending, supervise, walls_line
from worker.runner.workspace import Workspace

log = structlog.get_logger()


def run_job(context: Context, job_id: str) -> None:
    """Run one attempt of a job, if there is one to run."""
    with structlog.contextvars.bound_contextvars(job_id=job_id):
        with context.database.session() as session:
            claim = claim_job(session, job_id, context.settings, context.worker)
        if claim is None:
            log.debug("nothing_to_claim")
            return
        with structlog.contextvars.bound_contextvars(
            attempt=claim.attempt, request_id=claim.job.request_id
        ):
            log.info("job_claimed")
            try:
                waits = _guarded(context, claim)
            except LeaseLostError:
                log.warning("attempt_void")
                return
            if waits:
                context.broker.publish(context.database, "job", claim.id, claim.job.queue)


def _guarded(context: Context, claim: Claim) -> bool:
    """Whether the job waits in the queue again after this attempt."""
    try:
        return _attempt(context, claim)
    except LeaseLostError:
        raise
    except Exception:
        # Storage may be full or away: let go of the job now, not when the lease runs out.
        log.exception("attempt_failed")
        error = PruneryError("internal", "The worker could not go on with this job.")
        return _save(context, lambda s: outcome.crash(s, claim, context.settings, error))


def _attempt(context: Context, claim: Claim) -> bool:
    settings = context.settings
    lease = Lease(context.database, settings, claim, context.stopping)
    with Workspace(settings.work_dir / "jobs", f"{claim.id}-a{claim.attempt}") as workspace, lease:
        recorder = Recorder(context.database, context.storage, claim, workspace)
        try:
            ending = _run(context, claim, workspace, lease, recorder)
            if ending.done is not None:
                deliver(context, claim, workspace, ending.done)
                return False
            recorder.flush(stopped=ending.code == INTERRUPTED)
        except PruneryError as error:
            problem = error.problem()
            return _save(context, lambda s: outcome.fail(s, claim, settings, problem))
        except UnsafeFileError as error:
            log.error("engine_unsafe", what=str(error))
            problem = PruneryError("engine_crashed", "The engine left unusable files.").problem()
            return _save(context, lambda s: outcome.fail(s, claim, settings, problem))
        return _save(context, lambda s: outcome.settle(s, claim, settings, ending))


def _run(
    context: Context, claim: Claim, workspace: Workspace, lease: Lease, recorder: Recorder
) -> Ending:
    spec, inputs = _prepare(context, claim, workspace)
    if lease.asked is not None:  # while the inputs were fetched
        return Ending(INTERRUPTED, None, lease.asked, 0.0)
    return supervise(
        spec,
        workspace,
        lease,
        context.settings,
        recorder,
        readable=inputs,
        writable=(spec.cache_dir,) if spec.cache_dir else (),
    )


def _prepare(
    context: Context, claim: Claim, workspace: Workspace
) -> tuple[EngineSpec, tuple[Path, ...]]:
    """Fetch what the engine needs. Raises: PruneryError where an upload is gone."""
    job = claim.job
    source = job.parent_id if job.kind == "choose" and job.parent_id else job.id
    with context.database.reading() as session:
        model = session.get_one(ModelTable, job.model_id)
        dataset = session.get(DatasetTable, job.dataset_id) if job.dataset_id else None
        initial = session.get(ModelTable, job.initial_model_id) if job.initial_model_id else None
        levels = list(session.scalars(select(JobLevelTable).where(JobLevelTable.job_id == source)))
    paths: dict[str, Path] = {}
    for field, upload in (("model", model), ("dataset", dataset), ("initial_model", initial)):
        if upload is not None:
            name = f"{field}.{upload.format}"
            try:
                paths[field] = workspace.fetch(context.storage, upload.storage_key, name)
            except FileNotFoundError as error:
                detail = f"The file of {upload.id} was deleted before the job could use it."
                raise PruneryError("gone", detail) from error
    for level in levels:
        workspace.restore(context.storage, level.files, workspace.levels / str(level.level))
    if job.checkpoint is not None and job.kind == "prune":
        workspace.restore(context.storage, job.checkpoint["files"], workspace.checkpoint)
    options: dict[str, Any] = dataset.options if dataset is not None else {}
    spec = EngineSpec(
        kind="choose" if job.kind == "choose" else "prune",
        **paths,
        model_filename=model.filename,
        dataset_filename=dataset.filename if dataset is not None else None,
        dataset_options=DatasetOptions.model_validate(options),
        recipe=Recipe.model_validate(job.recipe),
        choose_level=job.choose_level,
        test_looks=_test_looks(context, job),
        work_dir=workspace.work,
        levels_dir=workspace.levels,
        checkpoint_dir=workspace.checkpoint,
        cache_dir=owner_cache(context.settings, job.owner_id),
        out_dir=workspace.out,
        job_id=job.id,
        job_name=job.name,
        attempt=job.attempt,
        limits=limits(context.settings),
        sandbox=walls_line(),
    )
    return spec, tuple(paths.values())


def _test_looks(context: Context, job: JobTable) -> int:
    """How often the test examples will have been looked at, this job's look included."""
    if job.parent_id is None or job.kind != "choose":
        return 1
    others = select(func.count(JobTable.id)).where(
        JobTable.parent_id == job.parent_id, JobTable.kind == "choose", JobTable.id < job.id
    )
    with context.database.reading() as session:
        return 2 + session.scalars(others).one()


def _save(context: Context, end: Callable[[Session], bool]) -> bool:
    """Write how the attempt ended; whether the job waits in the queue again."""
    waits: list[bool] = []

    def save() -> None:
        with context.database.session() as session:
            waits.append(end(session))

    patiently(save)
    return waits[-1]
