"""A database, storage and rows for runner tests, without API or broker."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from sqlalchemy import select

from app.core import clock, ids, migrate
from app.core.settings import Settings
from app.core.tables import (
    LOCAL_OWNER,
    ArtifactTable,
    DatasetTable,
    JobEventTable,
    JobLevelTable,
    JobTable,
    ModelTable,
)
from worker.runner.context import Context

QUICK: dict[str, Any] = {
    "lease_seconds": 2.0,
    "heartbeat_seconds": 0.2,
    "reap_seconds": 0.2,
    "republish_seconds": 1.0,
    "stop_grace_seconds": 3.0,
    "sandbox_required": True,
}


@dataclasses.dataclass(frozen=True)
class Service:
    context: Context

    @classmethod
    def make(cls, folder: Path, **settings: Any) -> Service:
        """A service of its own in `folder`, its database migrated."""
        chosen = Settings(data_dir=folder, **{**QUICK, **settings})
        migrate.upgrade(chosen.database)
        return cls(Context.make(chosen))

    def close(self) -> None:
        self.context.broker.close()
        self.context.database.dispose()

    def add_model(self, content: bytes = b"model", **values: Any) -> str:
        return self._add_upload(ModelTable, "mdl", "net.keras", "keras", content, values)

    def add_dataset(self, content: bytes = b"data", **values: Any) -> str:
        return self._add_upload(DatasetTable, "dst", "data.npz", "npz", content, values)

    def _add_upload(
        self, table: Any, prefix: Any, filename: str, form: str, content: bytes, values: Any
    ) -> str:
        row_id = ids.new(prefix)
        key = f"{table.__tablename__}/{row_id}"
        self.context.storage.put(key, [content])
        row = {
            "id": row_id,
            "owner_id": LOCAL_OWNER,
            "filename": filename,
            "format": form,
            "size_bytes": len(content),
            "sha256": "0" * 64,
            "storage_key": key,
            "status": "ready",
            "created_at": clock.now(),
        }
        with self.context.database.session() as session:
            session.add(table(**{**row, **values}))
        return row_id

    def add_job(self, play: dict[str, Any] | None = None, **values: Any) -> str:
        """A queued job that the stand-in engine plays as told."""
        job_id = ids.new("job")
        row = {
            "id": job_id,
            "owner_id": LOCAL_OWNER,
            "name": json.dumps(play or {}),
            "recipe": {},
            "created_at": clock.now(),
            "queued_at": clock.now(),
        }
        if "model_id" not in values:
            row["model_id"] = self.add_model()
        with self.context.database.session() as session:
            session.add(JobTable(**{**row, **values}))
        return job_id

    def job(self, job_id: str) -> JobTable:
        with self.context.database.reading() as session:
            return session.get_one(JobTable, job_id)

    def change_job(self, job_id: str, **values: Any) -> None:
        with self.context.database.session() as session:
            for name, value in values.items():
                setattr(session.get_one(JobTable, job_id), name, value)

    def upload(self, row_id: str) -> ModelTable | DatasetTable:
        table: Any = ModelTable if row_id.startswith("mdl") else DatasetTable
        with self.context.database.reading() as session:
            row: ModelTable | DatasetTable = session.get_one(table, row_id)
        return row

    def events(self, job_id: str) -> list[JobEventTable]:
        return self._of(JobEventTable, job_id, JobEventTable.seq)

    def levels(self, job_id: str) -> list[JobLevelTable]:
        return self._of(JobLevelTable, job_id, JobLevelTable.level)

    def artifacts(self, job_id: str) -> dict[str, ArtifactTable]:
        rows = self._of(ArtifactTable, job_id, ArtifactTable.name)
        return {row.name: row for row in rows}

    def statuses(self, job_id: str) -> list[str]:
        return [event.data["status"] for event in self.events(job_id) if event.type == "status"]

    def _of(self, table: Any, job_id: str, order: Any) -> list[Any]:
        with self.context.database.reading() as session:
            query = select(table).where(table.job_id == job_id).order_by(order)
            return list(session.scalars(query))
