"""What a worker writes into rows and storage, written by the test instead."""

from __future__ import annotations

import hashlib
from typing import Any

from app.context import Context
from app.core import clock, events
from app.core.tables import ArtifactTable, DatasetTable, JobLevelTable, JobTable, ModelTable
from prunery.specs.datasets import ArrayInfo, DatasetSummary, LabelInfo
from prunery.specs.errors import PruneryError
from prunery.specs.job import TERMINAL, Figures, Status
from prunery.specs.models import CompileInfo, GroupInfo, ModelSummary, Prunability, TensorInfo

SUMMARY = ModelSummary(
    name="tiny",
    format="keras",
    inputs=(TensorInfo(name="x", shape=(4,), dtype="float32"),),
    outputs=(TensorInfo(name="y", shape=(3,), dtype="float32"),),
    layers=2,
    layer_paths=("noise", "hidden", "out"),
    kernel_paths=("hidden", "out"),
    parameters=67,
    flops=112,
    compiled=CompileInfo(loss="sparse_categorical_crossentropy", optimizer="SGD"),
    output_activation="softmax",
    task="multiclass",
)
PRUNABILITY = Prunability(
    groups=(GroupInfo(name="hidden", layers=("hidden",), units=8, parameters=64, flops=112),),
    prunable_parameters=64,
    parameters=67,
    flops=112,
)
DATA = DatasetSummary(
    format="npz",
    arrays=(
        ArrayInfo(name="x", split="train", shape=(60, 4), dtype="float32", minimum=0, maximum=1),
        ArrayInfo(name="y", split="train", shape=(60,), dtype="int64", minimum=0, maximum=2),
    ),
    labels=(
        LabelInfo(
            array="y",
            kind="integers",
            classes=("0", "1", "2"),
            counts=(20, 20, 20),
            minimum=0,
            maximum=2,
        ),
    ),
    examples={"train": 60},
)


class Worker:
    """Moves rows as a worker does."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def pass_model(
        self,
        model_id: str,
        summary: ModelSummary = SUMMARY,
        prunability: Prunability = PRUNABILITY,
    ) -> None:
        with self.context.database.session() as session:
            row = session.get_one(ModelTable, model_id)
            row.status = "ready"
            row.summary = summary.model_dump(mode="json")
            row.prunability = prunability.model_dump(mode="json")

    def pass_dataset(self, dataset_id: str, summary: DatasetSummary = DATA) -> None:
        with self.context.database.session() as session:
            row = session.get_one(DatasetTable, dataset_id)
            row.status = "ready"
            row.summary = summary.model_dump(mode="json")

    def reject(self, table: type[ModelTable] | type[DatasetTable], row_id: str) -> None:
        error = PruneryError("model_cannot_load", "Keras cannot load it.")
        with self.context.database.session() as session:
            row = session.get_one(table, row_id)
            row.status = "rejected"
            row.error = error.problem().model_dump(mode="json")
            row.deleted_at = clock.now()

    def move(self, job_id: str, status: Status, **values: Any) -> None:
        """Put a job into a status, with the event that says so."""
        with self.context.database.session() as session:
            row = session.get_one(JobTable, job_id)
            row.status = str(status)
            row.attempt = max(row.attempt, 1)
            if status is Status.RUNNING:
                row.started_at = clock.now()
            if status in TERMINAL:
                row.finished_at = clock.now()
            for name, value in values.items():
                setattr(row, name, value)
            session.flush()
            events.append_status(session, job_id, status, row.attempt)

    def say(self, job_id: str, kind: str, **data: Any) -> None:
        with self.context.database.session() as session:
            events.append(session, job_id, kind, data)

    def level(
        self, job_id: str, level: int, *, chosen: bool = False, figures: Figures | None = None
    ) -> None:
        with self.context.database.session() as session:
            job = session.get_one(JobTable, job_id)
            figures = figures or Figures(metric=0.9, parameters=67 - level, size_bytes=1000)
            session.add(
                JobLevelTable(
                    job_id=job_id,
                    owner_id=job.owner_id,
                    level=level,
                    figures=figures.model_dump(mode="json"),
                    within_limit=True,
                    chosen=chosen,
                    attempt=1,
                    files={},
                    created_at=clock.now(),
                )
            )

    def hand_over(self, job_id: str, name: str, content: bytes, media_type: str) -> None:
        key = f"jobs/{job_id}/a1/{name}"
        path = self.context.storage.local_path(key)
        assert path is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        with self.context.database.session() as session:
            job = session.get_one(JobTable, job_id)
            session.add(
                ArtifactTable(
                    job_id=job_id,
                    owner_id=job.owner_id,
                    name=name,
                    storage_key=key,
                    size_bytes=len(content),
                    sha256=hashlib.sha256(content).hexdigest(),
                    media_type=media_type,
                    created_at=clock.now(),
                )
            )
