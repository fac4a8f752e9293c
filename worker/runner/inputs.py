"""What an engine is given: spec.json, and the files that it names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from app.core.settings import Settings
from app.core.tables import DatasetTable, JobLevelTable, JobTable, ModelTable
from prunery.specs.datasets import DatasetOptions
from prunery.specs.errors import PruneryError
from prunery.specs.job import EngineLimits, EngineSpec
from prunery.specs.recipe import Recipe
from worker.runner.caches import owner_cache
from worker.runner.claim import Claim
from worker.runner.context import Context
from worker.runner.supervise import walls_line
from worker.runner.workspace import Workspace


def limits(settings: Settings) -> EngineLimits:
    """The service's limits, as the engine keeps them."""
    return EngineLimits(
        parameters=settings.max_parameters,
        layers=settings.max_layers,
        dataset_bytes=settings.max_dataset_bytes,
        memory_bytes=settings.engine_memory_bytes,
        threads=settings.engine_threads,
    )


def gather(
    context: Context, claim: Claim, workspace: Workspace
) -> tuple[EngineSpec, tuple[Path, ...]]:
    """The spec of a job, its files fetched, and the paths of those that are to be read.

    Raises: PruneryError where something it needs is gone.
    """
    job = claim.job
    source = job.parent_id if job.kind == "choose" and job.parent_id else job.id
    with context.database.reading() as session:
        model = session.get_one(ModelTable, job.model_id)
        dataset = session.get(DatasetTable, job.dataset_id) if job.dataset_id else None
        initial = session.get(ModelTable, job.initial_model_id) if job.initial_model_id else None
        levels = session.scalars(select(JobLevelTable).where(JobLevelTable.job_id == source)).all()
    uploads = {"model": model, "dataset": dataset, "initial_model": initial}
    paths = {
        field: _fetch(context, workspace, field, upload)
        for field, upload in uploads.items()
        if upload is not None
    }
    _restore(context, workspace, job, levels)
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
        checkpoint_seconds=context.settings.checkpoint_seconds,
        cache_dir=owner_cache(context.settings, job.owner_id),
        out_dir=workspace.out,
        job_id=job.id,
        job_name=job.name,
        attempt=job.attempt,
        limits=limits(context.settings),
        sandbox=walls_line(),
    )
    return spec, tuple(paths.values())


def _fetch(
    context: Context, workspace: Workspace, field: str, upload: ModelTable | DatasetTable
) -> Path:
    try:
        return workspace.fetch(context.storage, upload.storage_key, f"{field}.{upload.format}")
    except FileNotFoundError as error:
        detail = f"The file of {upload.id} was deleted before the job could use it."
        raise PruneryError("gone", detail) from error


def _restore(
    context: Context, workspace: Workspace, job: JobTable, levels: Sequence[JobLevelTable]
) -> None:
    """Put back what earlier attempts (or the job that one chooses from) finished."""
    try:
        for level in levels:
            workspace.restore(context.storage, level.files, workspace.levels / str(level.level))
        if job.checkpoint is not None and job.kind == "prune":
            workspace.restore(context.storage, job.checkpoint["files"], workspace.checkpoint)
    except FileNotFoundError as error:
        raise PruneryError("gone", "The files of finished levels were deleted.") from error


def _test_looks(context: Context, job: JobTable) -> int:
    """How often the test examples will have been looked at, this job's look included."""
    if job.parent_id is None or job.kind != "choose":
        return 1
    others = select(func.count(JobTable.id)).where(
        JobTable.parent_id == job.parent_id, JobTable.kind == "choose", JobTable.id < job.id
    )
    with context.database.reading() as session:
        return 2 + session.scalars(others).one()
