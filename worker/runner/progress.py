"""What an engine says, written to the database under the attempt's fence.

Progress comes twice a second; the row takes one a second, the event log as many as make a curve.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from app.core import clock, events
from app.core.database import Database
from app.core.storage import Storage
from app.core.tables import ArtifactTable, JobLevelTable
from prunery.specs.events import (
    CheckpointEvent,
    Event,
    LevelEvent,
    ProgressEvent,
    StageEvent,
    WarningEvent,
)
from worker.runner.claim import Claim, write
from worker.runner.files import Files, UnsafeFileError, upload_folder
from worker.runner.patience import patiently
from worker.runner.workspace import Workspace

ROW_SECONDS = 1.0
EVENT_SECONDS, EVENT_STEP = 2.0, 0.005
MOST_WARNINGS, MOST_LEVELS, MOST_STAGES = 200, 1_000, 20_000
LEVEL_ARTIFACT = "model.keras"
log = structlog.get_logger()


class Recorder:
    """Call it with each event. Raises: LeaseLostError, UnsafeFileError."""

    def __init__(
        self, database: Database, storage: Storage, claim: Claim, workspace: Workspace
    ) -> None:
        self._database = database
        self._storage = storage
        self._claim = claim
        self._workspace = workspace
        # Never falling, not even over attempts.
        self._progress = claim.job.progress
        self._told = claim.job.progress
        self._row_at = self._event_at = 0.0
        self._checkpoints = 0
        self._checkpoint_waits = False
        with database.reading() as session:
            mine = select(JobLevelTable.level).where(JobLevelTable.job_id == claim.id)
            self._levels = set(session.scalars(mine))
        self._warnings = self._stages = 0

    def __call__(self, event: Event) -> None:
        match event:
            case StageEvent():
                self._stage(event)
            case ProgressEvent():
                self._advance(event)
            case LevelEvent():
                self._level(event)
            case CheckpointEvent():
                self._save_checkpoint()
            case WarningEvent():
                self._warning(event)

    def flush(self, *, stopped: bool) -> None:
        """Save what the engine's last checkpoint is, now that it has ended.

        `stopped`: it was asked to, and wrote one on leaving, after its last event.
        """
        if stopped or self._checkpoint_waits:
            self._save_checkpoint()

    def _stage(self, event: StageEvent) -> None:
        self._stages += 1
        if self._stages > MOST_STAGES:
            raise UnsafeFileError("too many stages")
        told: dict[str, Any] = {"stage": event.stage[:40]}
        # Level and number of levels stay what they were while a stage has none.
        told |= {
            name: value
            for name, value in (("level", event.level), ("levels", event.levels))
            if value is not None
        }

        def save() -> None:
            with self._database.session() as session:
                write(session, self._claim, **told)
                events.append(session, self._claim.id, "stage", event.model_dump(exclude={"type"}))

        patiently(save)

    def _advance(self, event: ProgressEvent) -> None:
        self._progress = max(self._progress, min(max(event.share, 0.0), 1.0))
        now = time.monotonic()
        if now - self._row_at < ROW_SECONDS and self._progress < 1.0:
            return
        self._row_at = now
        tell = now - self._event_at >= EVENT_SECONDS and self._progress - self._told >= EVENT_STEP
        data = event.model_dump(exclude={"type", "share"}) | {"progress": self._progress}
        try:
            with self._database.session() as session:
                write(
                    session,
                    self._claim,
                    progress=self._progress,
                    eta_seconds=event.eta_seconds,
                )
                if tell:
                    events.append(session, self._claim.id, "progress", data)
        except DBAPIError as error:  # the next one will say it
            log.warning("progress_lost", error=str(error.orig)[:200])
            return
        if tell:
            self._event_at, self._told = now, self._progress

    def _warning(self, event: WarningEvent) -> None:
        self._warnings += 1
        if self._warnings > MOST_WARNINGS:
            return
        data = {"code": event.code[:60], "message": event.message[:500]}

        def save() -> None:
            with self._database.session() as session:
                write(session, self._claim)
                events.append(session, self._claim.id, "warning", data)

        patiently(save)

    def _level(self, event: LevelEvent) -> None:
        """Store a finished level once: files first, then the manifest, then the row."""
        if not 0 <= event.level < MOST_LEVELS:
            raise UnsafeFileError(f"level {event.level}")
        if event.level in self._levels:  # an earlier attempt's, told again
            return
        place = f"jobs/{self._claim.id}/levels/{event.level}"
        files = upload_folder(
            self._storage,
            f"{place}/a{self._claim.attempt}",
            self._workspace.scratch,
            f"levels/{event.level}",
        )
        manifest = files.get("manifest.json")
        if manifest is None:
            raise UnsafeFileError(f"level {event.level} has no manifest")
        content = b"".join(self._storage.get(manifest["key"]))
        if not self._storage.put_if_absent(f"{place}/manifest.json", content):
            log.info("level_exists", level=event.level)
        patiently(lambda: self._insert_level(event, files, manifest["sha256"]))
        self._levels.add(event.level)
        # What the next level starts from goes with it.
        self._save_checkpoint()

    def _insert_level(self, event: LevelEvent, files: Files, manifest_sha256: str) -> None:
        with self._database.session() as session:
            # A new level is what attempts are counted by.
            job = write(session, self._claim, idle_attempts=0, level=event.level)
            if session.get(JobLevelTable, (self._claim.id, event.level)) is not None:
                return
            common = {"job_id": job.id, "owner_id": job.owner_id, "created_at": clock.now()}
            figures = event.figures.model_dump(mode="json")
            session.add(
                JobLevelTable(
                    **common,
                    level=event.level,
                    figures=figures,
                    within_limit=event.within_limit,
                    attempt=self._claim.attempt,
                    manifest_sha256=manifest_sha256,
                    files=files,
                )
            )
            if (model := files.get(LEVEL_ARTIFACT)) is not None:
                name = f"levels/{event.level}/{LEVEL_ARTIFACT}"
                session.merge(artifact(common, name, model))
            data = {"level": event.level, "figures": figures, "within_limit": event.within_limit}
            events.append(session, self._claim.id, "level", data)

    def _save_checkpoint(self) -> None:
        """Store the engine's checkpoint folder in place of the one before."""
        self._checkpoint_waits = False
        self._checkpoints += 1
        prefix = f"jobs/{self._claim.id}/checkpoint/a{self._claim.attempt}-{self._checkpoints}"
        try:
            files = upload_folder(self._storage, prefix, self._workspace.scratch, "checkpoint")
        except FileNotFoundError:  # the engine replaced it meanwhile: there will be another
            log.info("checkpoint_moved")
            self._checkpoint_waits = True
            return
        saved = {"files": files, "prefix": prefix} if files else None

        def save() -> None:
            with self._database.session() as session:
                write(session, self._claim, checkpoint=saved)

        patiently(save)
        before, self._claim.job.checkpoint = self._claim.job.checkpoint, saved
        if before is not None:
            self._storage.delete_prefix(before["prefix"])


_MEDIA_TYPES = {
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
    ".zip": "application/zip",
}


def artifact(common: dict[str, Any], name: str, file: dict[str, Any]) -> ArtifactTable:
    """The row of a file that the job hands over."""
    return ArtifactTable(
        **common,
        name=name,
        storage_key=file["key"],
        size_bytes=file["size_bytes"],
        sha256=file["sha256"],
        media_type=_MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream"),
    )
