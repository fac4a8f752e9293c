"""Owners, uploads and jobs"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

MOMENT = sa.DateTime(timezone=True)
DOCUMENT = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)
revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "owners",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_owners")),
    )
    op.create_table(
        "datasets",
        sa.Column("options", DOCUMENT, nullable=False),
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("filename", sa.String(length=500), nullable=False),
        sa.Column("format", sa.String(length=20), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("storage_key", sa.String(length=500), nullable=False),
        sa.Column("status", sa.String(length=20), server_default="checking", nullable=False),
        sa.Column("summary", DOCUMENT, nullable=True),
        sa.Column("error", DOCUMENT, nullable=True),
        sa.Column("request_id", sa.String(length=200), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("dispatched_at", MOMENT, nullable=True),
        sa.Column("check_attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("check_lease_until", MOMENT, nullable=True),
        sa.Column("owner_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["owners.id"], name=op.f("fk_datasets_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
    )
    op.create_index(op.f("ix_datasets_owner_id_id"), "datasets", ["owner_id", "id"])
    op.create_index(op.f("ix_datasets_owner_id_sha256"), "datasets", ["owner_id", "sha256"])
    op.create_index(
        op.f("ix_datasets_status_dispatched_at"), "datasets", ["status", "dispatched_at"]
    )

    op.create_table(
        "models",
        sa.Column("prunability", DOCUMENT, nullable=True),
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("filename", sa.String(length=500), nullable=False),
        sa.Column("format", sa.String(length=20), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("storage_key", sa.String(length=500), nullable=False),
        sa.Column("status", sa.String(length=20), server_default="checking", nullable=False),
        sa.Column("summary", DOCUMENT, nullable=True),
        sa.Column("error", DOCUMENT, nullable=True),
        sa.Column("request_id", sa.String(length=200), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("dispatched_at", MOMENT, nullable=True),
        sa.Column("check_attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("check_lease_until", MOMENT, nullable=True),
        sa.Column("owner_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["owners.id"], name=op.f("fk_models_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
    )
    op.create_index(op.f("ix_models_owner_id_id"), "models", ["owner_id", "id"])
    op.create_index(op.f("ix_models_owner_id_sha256"), "models", ["owner_id", "sha256"])
    op.create_index(op.f("ix_models_status_dispatched_at"), "models", ["status", "dispatched_at"])

    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), server_default="prune", nullable=False),
        sa.Column("queue", sa.String(length=20), server_default="cpu", nullable=False),
        sa.Column("model_id", sa.String(length=30), nullable=False),
        sa.Column("dataset_id", sa.String(length=30), nullable=True),
        sa.Column("initial_model_id", sa.String(length=30), nullable=True),
        sa.Column("parent_id", sa.String(length=30), nullable=True),
        sa.Column("choose_level", sa.Integer(), nullable=True),
        sa.Column("recipe", DOCUMENT, nullable=False),
        sa.Column("status", sa.String(length=20), server_default="queued", nullable=False),
        sa.Column("stage", sa.String(length=40), nullable=True),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("levels", sa.Integer(), nullable=True),
        sa.Column("progress", sa.Double(), server_default="0", nullable=False),
        sa.Column("eta_seconds", sa.Double(), nullable=True),
        sa.Column("metrics", DOCUMENT, nullable=True),
        sa.Column("error", DOCUMENT, nullable=True),
        sa.Column("last_seq", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("idle_attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("worker", sa.String(length=200), nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("dispatched_at", MOMENT, nullable=True),
        sa.Column("checkpoint", DOCUMENT, nullable=True),
        sa.Column("sandbox", sa.String(length=200), nullable=True),
        sa.Column("cancel_requested_at", MOMENT, nullable=True),
        sa.Column("pause_requested_at", MOMENT, nullable=True),
        sa.Column("finish_requested_at", MOMENT, nullable=True),
        sa.Column("deadline_seconds", sa.Integer(), nullable=True),
        sa.Column("deadline_at", MOMENT, nullable=True),
        sa.Column("request_id", sa.String(length=200), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("queued_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("owner_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["dataset_id"], ["datasets.id"], name=op.f("fk_jobs_dataset_id")),
        sa.ForeignKeyConstraint(
            ["initial_model_id"], ["models.id"], name=op.f("fk_jobs_initial_model_id")
        ),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_jobs_model_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["owners.id"], name=op.f("fk_jobs_owner_id")),
        sa.ForeignKeyConstraint(["parent_id"], ["jobs.id"], name=op.f("fk_jobs_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index(op.f("ix_jobs_dataset_id"), "jobs", ["dataset_id"])
    op.create_index(op.f("ix_jobs_expires_at"), "jobs", ["expires_at"])
    op.create_index(op.f("ix_jobs_model_id"), "jobs", ["model_id"])
    op.create_index(op.f("ix_jobs_owner_id_id"), "jobs", ["owner_id", "id"])
    op.create_index(op.f("ix_jobs_status_dispatched_at"), "jobs", ["status", "dispatched_at"])
    op.create_index(op.f("ix_jobs_status_lease_until"), "jobs", ["status", "lease_until"])

    op.create_table(
        "artifacts",
        sa.Column("job_id", sa.String(length=30), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("storage_key", sa.String(length=500), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("owner_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_artifacts_job_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["owners.id"], name=op.f("fk_artifacts_owner_id")),
        sa.PrimaryKeyConstraint("job_id", "name", name=op.f("pk_artifacts")),
    )
    op.create_table(
        "job_events",
        sa.Column("job_id", sa.String(length=30), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("data", DOCUMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("owner_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_job_events_job_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["owners.id"], name=op.f("fk_job_events_owner_id")),
        sa.PrimaryKeyConstraint("job_id", "seq", name=op.f("pk_job_events")),
    )
    op.create_table(
        "job_levels",
        sa.Column("job_id", sa.String(length=30), nullable=False),
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("figures", DOCUMENT, nullable=False),
        sa.Column("within_limit", sa.Boolean(), nullable=True),
        sa.Column("chosen", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("manifest_sha256", sa.String(length=64), nullable=True),
        sa.Column("files", DOCUMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("owner_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_job_levels_job_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["owners.id"], name=op.f("fk_job_levels_owner_id")),
        sa.PrimaryKeyConstraint("job_id", "level", name=op.f("pk_job_levels")),
    )

    op.create_table(
        "workers",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("queues", sa.String(length=200), nullable=False),
        sa.Column("sandbox", DOCUMENT, nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    # Without keys everything belongs to this one.
    op.execute(
        "insert into owners (id, name, created_at) values "
        "('own_00000000000000000000000000', 'local', CURRENT_TIMESTAMP)"
    )


def downgrade() -> None:
    op.drop_table("workers")
    op.drop_table("job_levels")
    op.drop_table("job_events")
    op.drop_table("artifacts")
    op.drop_index(op.f("ix_jobs_status_lease_until"), table_name="jobs")
    op.drop_index(op.f("ix_jobs_status_dispatched_at"), table_name="jobs")
    op.drop_index(op.f("ix_jobs_owner_id_id"), table_name="jobs")
    op.drop_index(op.f("ix_jobs_model_id"), table_name="jobs")
    op.drop_index(op.f("ix_jobs_expires_at"), table_name="jobs")
    op.drop_index(op.f("ix_jobs_dataset_id"), table_name="jobs")

    op.drop_table("jobs")
    op.drop_index(op.f("ix_models_status_dispatched_at"), table_name="models")
    op.drop_index(op.f("ix_models_owner_id_sha256"), table_name="models")
    op.drop_index(op.f("ix_models_owner_id_id"), table_name="models")

    op.drop_table("models")
    op.drop_index(op.f("ix_datasets_status_dispatched_at"), table_name="datasets")
    op.drop_index(op.f("ix_datasets_owner_id_sha256"), table_name="datasets")
    op.drop_index(op.f("ix_datasets_owner_id_id"), table_name="datasets")

    op.drop_table("datasets")
    op.drop_table("owners")
