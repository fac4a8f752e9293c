"""What happens to an upload: judged at once where no library is needed, then kept and queued.

    received -> screened -> stored, row `checking` -> (sandbox) -> `ready` or `rejected`

What screening refuses leaves nothing behind; what the sandbox refuses leaves a row with its error.
"""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.context import Context
from app.core import broker, clock, ids
from app.core.tables import DatasetTable, ModelTable
from app.http import digests, metrics
from app.uploads.kinds import DATASET, MODEL, Kind, UploadTable
from app.uploads.names import clean
from app.uploads.receive import Incoming, Received, told_when_full
from app.uploads.repository import UploadRepository, is_used, stored_bytes
from prunery.specs.datasets import DatasetOptions
from prunery.specs.errors import PruneryError
from prunery.specs.job import DatasetView, ModelView
from prunery.specs.models import Prunability

Wanted = dict[str, Any]


def admit(ctx: Context, owner_id: str, kind: Kind, declared_bytes: int | None) -> None:
    """Refuse before the first byte is read: size, quota, disk."""
    limit, size = kind.limit_bytes(ctx.settings), declared_bytes or 0
    if declared_bytes == 0:
        raise PruneryError("file_empty", "The body has no bytes.")
    if size > limit:
        raise PruneryError(
            "upload_too_large", f"A {kind.name} may have {limit} bytes; this one announces {size}."
        )
    free = shutil.disk_usage(_existing(ctx.incoming_dir)).free
    if free - size < ctx.settings.min_free_disk_bytes:
        raise PruneryError("disk_full", "The disk has no room for this upload.")
    with ctx.database.reading() as session:
        _count(ctx, session, owner_id, size)


def _count(ctx: Context, session: Session, owner_id: str, size: int) -> None:
    """Raise `quota_exceeded` where this owner may not store `size` bytes more."""
    used = stored_bytes(session, owner_id)
    if used + size > ctx.settings.max_stored_bytes:
        raise PruneryError(
            "quota_exceeded",
            f"{used} of {ctx.settings.max_stored_bytes} bytes are used; "
            f"this upload has {size or 'unknown'}.",
            hint="Delete models, datasets or jobs that are not needed.",
        )


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def accept(
    ctx: Context,
    owner_id: str,
    kind: Kind,
    received: Received,
    *,
    filename: str | None,
    announced: str | None = None,
    options: DatasetOptions | None = None,
    request_id: str | None = None,
) -> UploadTable:
    """Judge a file that has come whole, keep it, and queue its inspection.

    The same bytes under the same name (and options) are the same upload. `announced` is the
    sha-256 that the client promised.
    """
    digests.check(announced, received.sha256)
    if received.size_bytes == 0:
        raise PruneryError("file_empty", "The file has no bytes.")
    name = clean(filename, _default_name(kind, received.path))
    form = kind.screen(received.path, name, ctx.settings)
    wanted = None if options is None else options.model_dump(mode="json")
    with ctx.database.session() as session:
        known = _known(session, ctx, owner_id, kind, received.sha256, name, wanted)
        if known is not None:
            return known
        _count(ctx, session, owner_id, received.size_bytes)  # now that its size is known
    row = _row(ctx, owner_id, kind, received, name, form, wanted, request_id)
    with told_when_full():
        ctx.storage.adopt(row.storage_key, received.path)
    try:
        with ctx.database.session() as session:
            UploadRepository(session, owner_id, kind).add(row)
    except BaseException:
        ctx.storage.delete(row.storage_key)
        raise
    metrics.uploaded_bytes.labels(kind.name).inc(received.size_bytes)
    ctx.broker.publish(ctx.database, kind.name, row.id, broker.CHECKS)
    return row


def add_file(
    ctx: Context,
    owner_id: str,
    kind: Kind,
    path: Path,
    *,
    filename: str | None = None,
    options: DatasetOptions | None = None,
    request_id: str | None = None,
) -> UploadTable:
    """Take a file of this machine (our own sample) the way an upload is taken."""
    with Incoming(ctx.incoming_dir).new() as sink:
        with path.open("rb") as file:
            sink.take(file)
        return accept(
            ctx,
            owner_id,
            kind,
            sink.finish(),
            filename=filename or path.name,
            options=options or (DatasetOptions() if kind is DATASET else None),
            request_id=request_id,
        )


def _default_name(kind: Kind, path: Path) -> str:
    with path.open("rb") as file:
        return kind.default_name(file.read(8))


def _known(
    session: Session,
    ctx: Context,
    owner_id: str,
    kind: Kind,
    sha256: str,
    name: str,
    wanted: Wanted | None,
) -> UploadTable | None:
    repository = UploadRepository(session, owner_id, kind)
    row: UploadTable | None = repository.same(sha256, name, wanted)
    if row is not None:
        row.expires_at = clock.now() + timedelta(seconds=ctx.settings.upload_ttl_seconds)
    return row


def _row(
    ctx: Context,
    owner_id: str,
    kind: Kind,
    received: Received,
    name: str,
    form: str,
    wanted: Wanted | None,
    request_id: str | None,
) -> UploadTable:
    made = ids.new(kind.prefix)
    moment = clock.now()
    row = kind.table(
        id=made,
        owner_id=owner_id,
        filename=name,
        format=form,
        size_bytes=received.size_bytes,
        sha256=received.sha256,
        storage_key=f"{kind.folder}/{made}",
        status="checking",
        request_id=request_id,
        created_at=moment,
        expires_at=moment + timedelta(seconds=ctx.settings.upload_ttl_seconds),
    )
    if isinstance(row, DatasetTable):
        row.options = wanted or {}
    return row


def find(
    session: Session, owner_id: str, kind: Kind, upload_id: str, *, keep: bool = False
) -> UploadTable:
    """One upload of this owner; `keep` bars its deletion until the session ends.

    Raises: `not_found`.
    """
    repository = UploadRepository(session, owner_id, kind)
    row: UploadTable | None = None
    if ids.is_valid(upload_id, kind.prefix):
        row = repository.find(upload_id, keep=keep)
    if row is None:
        raise PruneryError("not_found", f"There is no {kind.name} {upload_id[:40]}.")
    return row


def delete(session: Session, owner_id: str, kind: Kind, upload_id: str) -> str:
    """Take an upload away; returns the key of the bytes that the caller deletes after commit."""
    row = find(session, owner_id, kind, upload_id, keep=True)
    if is_used(session, owner_id, upload_id):
        raise PruneryError("in_use", f"An unfinished job uses {upload_id}.")
    UploadRepository(session, owner_id, kind).take_away(row, clock.now())
    return row.storage_key


def prunability(session: Session, owner_id: str, model_id: str) -> Prunability:
    """What can be removed of a model. Raises `upload_not_ready`, `upload_rejected`."""
    row = find(session, owner_id, MODEL, model_id)
    require_ready(row)
    assert isinstance(row, ModelTable)  # noqa: S101 - the kind says so
    return Prunability.model_validate(row.prunability or {})


def require_ready(row: UploadTable) -> None:
    """Raise `upload_not_ready` or `upload_rejected` unless the sandbox has passed this upload."""
    if row.status == "checking":
        raise PruneryError("upload_not_ready", f"{row.id} is still being checked.")
    if row.status == "rejected":
        why = (row.error or {}).get("detail", "")
        raise PruneryError("upload_rejected", f"{row.id} was rejected. {why}".strip())


def view(row: UploadTable) -> ModelView | DatasetView:
    """An upload as it goes over the wire."""
    shared = {
        "id": row.id,
        "filename": row.filename,
        "format": row.format,
        "size_bytes": row.size_bytes,
        "sha256": row.sha256,
        "status": row.status,
        "error": row.error,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "summary": row.summary,
    }
    if isinstance(row, DatasetTable):
        return DatasetView.model_validate({**shared, "options": row.options})
    return ModelView.model_validate(shared)
