"""A server full of jobs in every state, written as a worker writes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from starlette.testclient import TestClient

from prunery.reports import render
from prunery.specs.datasets import ArrayInfo, DatasetSummary, LabelInfo
from prunery.specs.errors import PruneryError
from prunery.specs.job import Figures, Status
from prunery.specs.models import (
    CompileInfo,
    FrozenInfo,
    GroupInfo,
    ModelSummary,
    Prunability,
    TensorInfo,
)
from prunery.specs.report import Report
from tests.factories import reports
from tests.integration.api import files
from tests.integration.api.worker import Worker

MODEL = ModelSummary(
    name="article",
    format="keras",
    inputs=(TensorInfo(name="pixels", shape=(28, 28), dtype="float32"),),
    outputs=(TensorInfo(name="kinds", shape=(10,), dtype="float32"),),
    layers=5,
    layer_paths=("flatten", "dense", "dense_1", "dense_2"),
    parameters=282_160,
    flops=563_400,
    compiled=CompileInfo(loss="sparse_categorical_crossentropy", optimizer="SGD"),
    output_activation="softmax",
    task="multiclass",
)
PRUNABILITY = Prunability(
    groups=(
        GroupInfo(
            name="dense", layers=("dense", "dense_1"), units=300, parameters=280_500, flops=1
        ),
        GroupInfo(
            name="dense_1",
            layers=("dense_1", "dense_2"),
            units=150,
            parameters=46_650,
            flops=93_000,
        ),
    ),
    frozen=(FrozenInfo(layer="dense_2", reason="Its units are the model's answers."),),
    prunable_parameters=281_000,
    parameters=282_160,
    flops=563_400,
)
DATA = DatasetSummary(
    format="npz",
    arrays=(
        ArrayInfo(name="x", split="train", shape=(8000, 28, 28), dtype="uint8"),
        ArrayInfo(name="y", split="train", shape=(8000,), dtype="uint8", minimum=0, maximum=9),
    ),
    labels=(LabelInfo(array="y", kind="integers", classes=reports.CLASSES, counts=(800,) * 10),),
    examples={"train": 10_000, "test": 10_000},
)


@dataclass
class Scenes:
    """Job ids by what they show."""

    client: TestClient
    worker: Worker
    model: str = ""
    dataset: str = ""
    jobs: dict[str, str] = field(default_factory=dict)

    def new_job(self, name: str, **recipe: Any) -> str:
        body = {"model": self.model, "dataset": self.dataset, "name": name, "recipe": recipe}
        answer = self.client.post("/v1/jobs", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def succeed(self, job_id: str, report: Report) -> None:
        """Hand over what a job hands over at its end."""
        text = report.model_dump_json().encode()
        self.worker.hand_over(job_id, "report.json", text, "application/json")
        page = render(report).encode()
        self.worker.hand_over(job_id, "report.html", page, "text/html; charset=utf-8")
        kinds = {
            "model.keras": "application/zip",
            "masked.keras": "application/zip",
            "certificate.json": "application/json",
            "ticket.npz": "application/octet-stream",
            "all.zip": "application/zip",
            "levels/3/model.keras": "application/zip",
        }
        for name, media_type in kinds.items():
            self.worker.hand_over(job_id, name, b"PK" * 4000, media_type)
        for level in report.levels:
            self.worker.level(job_id, level.level, chosen=level.chosen)
        self.worker.move(job_id, Status.SUCCEEDED, progress=1.0)

    def climb(self, job_id: str, levels: int) -> None:
        """Write finished levels of a running job."""
        for level in reports.levels()[:levels]:
            figures = Figures(
                metric=level.metric.value if level.metric else None,
                metric_low=level.metric.low if level.metric else None,
                metric_high=level.metric.high if level.metric else None,
                parameters=level.parameters,
                size_bytes=level.size_bytes,
                density=level.density,
            )
            self.worker.level(job_id, level.level, figures=figures)


def build(client: TestClient, worker: Worker) -> Scenes:
    """Upload a pair and make a job for every page."""
    scenes = Scenes(client, worker)
    article = files.ARTICLE.read_bytes()
    scenes.model = files.upload(client, "models", article, "article.keras")["id"]
    scenes.dataset = files.upload(client, "datasets", files.dataset(), "clothes.npz")["id"]
    worker.pass_model(scenes.model, MODEL, PRUNABILITY)
    worker.pass_dataset(scenes.dataset, DATA)
    for name in ("queued", "running", "failed", "cancelled", "done", "fresh", "nothing"):
        scenes.jobs[name] = scenes.new_job(f"Clothes, {name}")
    jobs = scenes.jobs
    worker.move(
        jobs["running"],
        Status.RUNNING,
        stage="retraining",
        level=5,
        levels=8,
        progress=0.47,
        eta_seconds=1130.0,
    )
    scenes.climb(jobs["running"], 5)
    error = PruneryError("training_diverged", "The loss became infinite in epoch 3 of level 0.")
    worker.move(
        jobs["failed"], Status.FAILED, error=error.problem(stage="dense").model_dump(mode="json")
    )
    worker.move(jobs["cancelled"], Status.CANCELLED)
    scenes.succeed(jobs["done"], reports.report())
    scenes.succeed(jobs["fresh"], reports.fresh_won())
    scenes.succeed(jobs["nothing"], reports.nothing_within())
    return scenes
