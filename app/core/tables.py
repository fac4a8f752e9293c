"""The tables. A job's row is the truth about it: the broker only says "look at this row".

owners --< api_keys, kept_answers, models, datasets --< jobs --< job_levels, job_events, artifacts
workers: which workers live, for /readyz; nobody's, so without an owner
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

LOCAL_OWNER = "own_00000000000000000000000000"


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite, which knows no zones, stores it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A moment needs a time zone.")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Document = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it so
        datetime: UtcDateTime,
        dict[str, Any]: Document,
        str: String(200),
    }


class OwnerTable(Base):
    """Who something belongs to; without keys everything is the local owner's."""

    __tablename__ = "owners"

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime]


class ApiKeyTable(Base):
    """A bearer key. Only its hash is stored: whoever reads the database cannot use it."""

    __tablename__ = "api_keys"
    __table_args__ = (Index(None, "owner_id"), UniqueConstraint("key_sha256"))

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(30), ForeignKey("owners.id"))
    name: Mapped[str]
    key_sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class KeptAnswerTable(Base):
    """The answer to a POST with an Idempotency-Key; `status` is None while it is worked on."""

    __tablename__ = "kept_answers"

    owner_id: Mapped[str] = mapped_column(String(30), ForeignKey("owners.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_sha256: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any] | None]
    body: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]


class Owned:
    """A row that somebody owns."""

    @declared_attr
    @classmethod
    def owner_id(cls) -> Mapped[str]:
        return mapped_column(String(30), ForeignKey("owners.id"))


class Upload(Owned):
    """What models and datasets share.

    status: checking, ready, rejected. `check_*` are the lease of the inspection, as a job has one.
    """

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    filename: Mapped[str] = mapped_column(String(500))
    format: Mapped[str] = mapped_column(String(20))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    storage_key: Mapped[str] = mapped_column(String(500))
    status: Mapped[str] = mapped_column(String(20), default="checking", server_default="checking")
    summary: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    request_id: Mapped[str | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    dispatched_at: Mapped[datetime | None]
    check_attempt: Mapped[int] = mapped_column(default=0, server_default="0")
    check_lease_until: Mapped[datetime | None]


class ModelTable(Upload, Base):
    __tablename__ = "models"
    __table_args__ = (
        Index(None, "owner_id", "id"),
        Index(None, "owner_id", "sha256"),
        Index(None, "status", "dispatched_at"),
    )

    prunability: Mapped[dict[str, Any] | None]


class DatasetTable(Upload, Base):
    __tablename__ = "datasets"
    __table_args__ = (
        Index(None, "owner_id", "id"),
        Index(None, "owner_id", "sha256"),
        Index(None, "status", "dispatched_at"),
    )

    options: Mapped[dict[str, Any]] = mapped_column(default=dict)


class JobTable(Owned, Base):
    """A job. `attempt` is the fencing token: whoever writes with an older one hits no row.

    `*_requested_at` is what the owner asked of a running job; its worker sees it at the heartbeat.
    `idle_attempts` counts attempts in a row without a new level. `last_seq` numbers the events.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index(None, "owner_id", "id"),
        Index(None, "status", "lease_until"),
        Index(None, "status", "dispatched_at"),
        Index(None, "expires_at"),
        Index(None, "model_id"),
        Index(None, "dataset_id"),
    )

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(String(20), default="prune", server_default="prune")
    queue: Mapped[str] = mapped_column(String(20), default="cpu", server_default="cpu")
    model_id: Mapped[str] = mapped_column(ForeignKey("models.id"))
    dataset_id: Mapped[str | None] = mapped_column(ForeignKey("datasets.id"))
    initial_model_id: Mapped[str | None] = mapped_column(ForeignKey("models.id"))
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"))
    choose_level: Mapped[int | None]
    recipe: Mapped[dict[str, Any]]

    status: Mapped[str] = mapped_column(String(20), default="queued", server_default="queued")
    stage: Mapped[str | None] = mapped_column(String(40))
    level: Mapped[int | None]
    levels: Mapped[int | None]
    progress: Mapped[float] = mapped_column(default=0.0, server_default="0")
    eta_seconds: Mapped[float | None]
    metrics: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    last_seq: Mapped[int] = mapped_column(default=0, server_default="0")

    attempt: Mapped[int] = mapped_column(default=0, server_default="0")
    idle_attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    worker: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    dispatched_at: Mapped[datetime | None]
    checkpoint: Mapped[dict[str, Any] | None]
    sandbox: Mapped[str | None]

    cancel_requested_at: Mapped[datetime | None]
    pause_requested_at: Mapped[datetime | None]
    finish_requested_at: Mapped[datetime | None]
    deadline_seconds: Mapped[int | None]
    deadline_at: Mapped[datetime | None]

    request_id: Mapped[str | None]
    created_at: Mapped[datetime]
    queued_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class JobLevelTable(Owned, Base):
    """A finished level. `files`: {name: {"key", "size_bytes", "sha256"}}; written once."""

    __tablename__ = "job_levels"

    job_id: Mapped[str] = mapped_column(
        String(30), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    figures: Mapped[dict[str, Any]]
    within_limit: Mapped[bool | None]
    chosen: Mapped[bool] = mapped_column(default=False, server_default="0")
    attempt: Mapped[int]
    manifest_sha256: Mapped[str | None] = mapped_column(String(64))
    files: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class JobEventTable(Owned, Base):
    """What happened to a job, in order: the event stream and the event list both read this."""

    __tablename__ = "job_events"

    job_id: Mapped[str] = mapped_column(
        String(30), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    type: Mapped[str] = mapped_column(String(40))
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class ArtifactTable(Owned, Base):
    """A file that a job hands over, under the name that the API offers it by."""

    __tablename__ = "artifacts"

    job_id: Mapped[str] = mapped_column(
        String(30), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(primary_key=True)
    storage_key: Mapped[str] = mapped_column(String(500))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    media_type: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime]


class WorkerTable(Base):
    """A worker process; `seen_at` is renewed all the time, a silent one is forgotten.

    `sandbox`: {"layers": [...], "missing": [...]}. `queues`: comma-separated.
    """

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    queues: Mapped[str]
    sandbox: Mapped[dict[str, Any]]
    version: Mapped[str] = mapped_column(String(40))
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
