"""A job as the API shows it, and the spec.json that the engine is handed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from prunery.specs.base import Wire
from prunery.specs.datasets import DatasetOptions, DatasetSummary
from prunery.specs.errors import Problem
from prunery.specs.models import ModelSummary, Prunability
from prunery.specs.recipe import Recipe


class Status(StrEnum):
    """Where a job stands. `stage` says what a running job is doing; new stages may come."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


TERMINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.EXPIRED})

STAGES = (
    "checking",
    "dense",
    "pruning",
    "rewinding",
    "retraining",
    "compacting",
    "certifying",
    "controls",
    "exporting",
    "reporting",
)


class UploadView(Wire):
    """What model and dataset rows share on the wire."""

    id: str
    filename: str
    format: str
    size_bytes: int
    sha256: str
    status: Literal["checking", "ready", "rejected"]
    error: Problem | None = None
    created_at: datetime
    expires_at: datetime | None = None


class ModelView(UploadView):
    summary: ModelSummary | None = None


class DatasetView(UploadView):
    summary: DatasetSummary | None = None
    options: DatasetOptions = DatasetOptions()


class Figures(Wire):
    """A level's figures, on validation examples; `metric_low`, `metric_high`: 95% interval.

    `density`: live weights over all prunable kernel weights of the dense model.
    """

    metric: float | None = None
    metric_low: float | None = None
    metric_high: float | None = None
    loss: float | None = None
    parameters: int
    flops: int | None = None
    size_bytes: int
    density: float = 1.0
    latency_ms: float | None = None


class LevelView(Wire):
    level: int
    figures: Figures
    within_limit: bool | None = None
    chosen: bool = False


class ArtifactView(Wire):
    name: str
    size_bytes: int
    sha256: str
    media_type: str


class JobRequest(Wire):
    """Body of POST /v1/jobs; `recipe` is laid over its preset."""

    model: str
    dataset: str | None = None
    initial_model: str | None = None
    name: str | None = None
    recipe: dict[str, Any] = {}
    webhook: str | None = None
    deadline_seconds: int | None = None


class JobView(Wire):
    id: str
    name: str
    model: str
    dataset: str | None = None
    initial_model: str | None = None
    parent: str | None = None
    status: Status
    is_terminal: bool
    stage: str | None = None
    level: int | None = None
    levels: int | None = None
    progress: float = 0.0
    eta_seconds: float | None = None
    queue_position: int | None = None
    attempt: int = 0
    recipe: Recipe
    metrics: dict[str, Any] | None = None
    error: Problem | None = None
    artifacts: tuple[ArtifactView, ...] = ()
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None


class EngineLimits(Wire):
    """What the engine may accept; the service's settings fill it, `prunery local` is generous."""

    parameters: int = 500_000_000
    layers: int = 5_000
    dataset_bytes: int = 20_000_000_000
    memory_bytes: int | None = None
    threads: int | None = None


class EngineSpec(Wire):
    """spec.json: one run of `python -m worker.engine spec.json`. Paths are absolute.

    kind
        inspect_model    model -> done.result: `ModelInspection`
        inspect_dataset  dataset -> done.result: `DatasetInspection`
        prune            the main job: levels under `levels_dir`, final files under `out_dir`
        choose           make level `choose_level` of finished levels the result

    `levels_dir` holds the finished levels of earlier attempts (k/manifest.json exists: not computed
    again) and receives new ones; `checkpoint_dir` holds the newest checkpoint inside a level, if
    any; `cache_dir` may hold prepared datasets of other jobs; `work_dir` is scratch. A training
    writes a checkpoint every `checkpoint_seconds`.
    """

    kind: Literal["inspect_model", "inspect_dataset", "prune", "choose"]
    model: Path | None = None
    model_filename: str | None = None
    architecture_filename: str | None = None
    dataset: Path | None = None
    dataset_filename: str | None = None
    dataset_options: DatasetOptions = DatasetOptions()
    initial_model: Path | None = None
    recipe: Recipe | None = None
    choose_level: int | None = None
    test_looks: int = 1
    work_dir: Path
    levels_dir: Path | None = None
    checkpoint_dir: Path | None = None
    checkpoint_seconds: float = 30.0
    cache_dir: Path | None = None
    out_dir: Path | None = None
    job_id: str | None = None
    job_name: str | None = None
    attempt: int = 1
    limits: EngineLimits = EngineLimits()
    sandbox: str | None = None


class ModelInspection(Wire):
    summary: ModelSummary
    prunability: Prunability


class DatasetInspection(Wire):
    summary: DatasetSummary
