"""Put the final files of a job into storage, draw its report, pack everything, and succeed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import ValidationError
from sqlalchemy import select

from app.core.tables import ArtifactTable
from prunery import reports
from prunery.specs.events import DoneEvent
from prunery.specs.report import Report
from worker.packing import ALL, pack
from worker.runner import outcome
from worker.runner.claim import Claim
from worker.runner.context import Context
from worker.runner.files import Files, UnsafeFileError, upload_file
from worker.runner.patience import patiently
from worker.runner.workspace import Workspace

REPORT, PAGE = "report.json", "report.html"


def deliver(context: Context, claim: Claim, workspace: Workspace, done: DoneEvent) -> None:
    """Raises: UnsafeFileError, LeaseLostError."""
    place = f"jobs/{claim.id}/a{claim.attempt}"
    files: Files = {}
    for name in done.artifacts:
        try:
            files[name] = upload_file(context.storage, f"{place}/{name}", workspace.out, name)
        except FileNotFoundError as error:
            raise UnsafeFileError(f"{name[:50]} was promised and is not there") from error
    report = _report(context, files)
    if report is not None and PAGE not in files:
        page = workspace.control / PAGE
        page.write_text(reports.render(report), encoding="utf-8")
        files[PAGE] = _keep(context, place, PAGE, workspace)
    if ALL not in files:
        pack(workspace.control / ALL, _members(context, claim, files))
        files[ALL] = _keep(context, place, ALL, workspace)
    chosen = report.chosen_level if report is not None else None
    metrics = done.result.get("metrics", {})

    def save() -> None:
        with context.database.session() as session:
            outcome.succeed(session, claim, context.settings, files, metrics, chosen)

    patiently(save)


def _report(context: Context, files: Files) -> Report | None:
    if REPORT not in files:
        return None
    content = context.storage.read(files[REPORT]["key"])
    try:
        return Report.model_validate_json(content)
    except ValidationError as error:
        raise UnsafeFileError(f"{error.error_count()} errors in {REPORT}") from error


def _keep(context: Context, place: str, name: str, workspace: Workspace) -> dict[str, object]:
    key = f"{place}/{name}"
    stored = context.storage.put_file(key, workspace.control / name)
    return {"key": key, **stored._asdict()}


def _members(context: Context, claim: Claim, files: Files) -> Iterator[tuple[str, Iterable[bytes]]]:
    """The final files, then the levels, which were stored as they were finished."""
    keys = {name: file["key"] for name, file in files.items()}
    with context.database.reading() as session:
        query = select(ArtifactTable).where(ArtifactTable.job_id == claim.id)
        for row in session.scalars(query.order_by(ArtifactTable.name)):
            keys.setdefault(row.name, row.storage_key)
    for name, key in keys.items():
        yield name, context.storage.get(key)
