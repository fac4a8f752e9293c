"""Settings: one frozen object, read from PRUNERY_* in the environment; nothing else reads it.

Every field is described here and listed in docs/settings.md, which a test compares.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

GIB = 1024**3
DAY = 86_400


class Settings(BaseSettings):
    """Defaults are those of the embedded mode; production sets the three URLs."""

    model_config = SettingsConfigDict(env_prefix="PRUNERY_", frozen=True, extra="ignore")

    mode: Literal["embedded", "production"] = Field(
        "embedded", description="production: sandbox and keys are required, logs are JSON lines"
    )
    data_dir: Path = Field(
        Path(".data"), description="Folder for everything that is not given a URL of its own"
    )
    database_url: SecretStr | None = Field(
        None, description="SQLAlchemy URL; default: SQLite in data_dir"
    )
    broker_url: SecretStr | None = Field(
        None, description="redis://...; default: a folder in data_dir, no server"
    )
    storage_url: str | None = Field(
        None, description="s3://bucket/prefix; default: a folder in data_dir"
    )
    s3_endpoint: str | None = Field(None, description="Address of an S3 that is not Amazon's")
    s3_region: str = Field("us-east-1", description="Region of the bucket")
    s3_access_key_id: str | None = Field(None, description="Key of the bucket's user")
    s3_secret_access_key: SecretStr | None = Field(None, description="Its secret")

    host: str = Field("127.0.0.1", description="Address that the API listens on")
    port: int = Field(8000, ge=0, le=65535, description="Port of the API; 0: any free one")
    public_url: str | None = Field(None, description="How users reach us, for links in answers")
    auth: Literal["auto", "on", "off"] = Field(
        "auto", description="auto: off in embedded mode on loopback, else on"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least level that is logged"
    )

    max_model_bytes: int = Field(2 * GIB, gt=0, description="Largest model accepted")
    max_dataset_bytes: int = Field(20 * GIB, gt=0, description="Largest dataset accepted")
    max_parameters: int = Field(500_000_000, gt=0, description="Most weights of a model")
    max_layers: int = Field(5_000, gt=0, description="Most layers of a model")
    max_active_jobs: int = Field(100, gt=0, description="Most unfinished jobs of one owner")
    max_stored_bytes: int = Field(200 * GIB, gt=0, description="Most stored bytes of one owner")
    min_free_disk_bytes: int = Field(
        GIB,
        ge=0,
        description="Uploads are refused when less of the disk is left; half of it ends a job",
    )
    body_idle_seconds: float = Field(
        30.0, gt=0, description="A request's body that pauses for this long is given up"
    )
    upload_ttl_seconds: int = Field(30 * DAY, gt=0, description="Uploads are kept this long")
    job_ttl_seconds: int = Field(30 * DAY, gt=0, description="A job's files are kept this long")
    queue_ttl_seconds: int = Field(7 * DAY, gt=0, description="A job may wait this long")
    deadline_seconds: int = Field(DAY, gt=0, description="A job's default deadline, running")
    max_deadline_seconds: int = Field(7 * DAY, gt=0, description="The latest one may ask for")
    check_deadline_seconds: int = Field(600, gt=0, description="An inspection may take this long")

    queue: Literal["cpu", "gpu"] = Field("cpu", description="Queue that new jobs go to")
    lease_seconds: float = Field(
        60.0, gt=0, description="A worker silent for this long has lost its job"
    )
    heartbeat_seconds: float = Field(10.0, gt=0, description="How often a worker renews its lease")
    reap_seconds: float = Field(30.0, gt=0, description="How often a worker looks for lost work")
    republish_seconds: float = Field(
        300.0, gt=0, description="A wake-up that nobody answered for this long is sent again"
    )
    max_idle_attempts: int = Field(
        3, ge=1, description="Attempts in a row that may die without a new level"
    )
    stop_grace_seconds: float = Field(
        30.0, gt=0, description="Time an engine has to write a checkpoint before it is killed"
    )
    checkpoint_seconds: float = Field(
        30.0, gt=0, description="How often a training writes a checkpoint: at most this is lost"
    )
    sandbox_required: bool | None = Field(
        None, description="Refuse to run without a whole sandbox; default: only in production"
    )
    engine_memory_bytes: int | None = Field(
        None, gt=0, description="Memory of one engine (RLIMIT_DATA); default: no limit"
    )
    engine_threads: int | None = Field(
        None,
        gt=0,
        description="Threads of one engine; default: one per core, one for small dense nets",
    )
    engine_file_bytes: int = Field(
        50 * GIB, gt=0, description="Largest file an engine may write (RLIMIT_FSIZE)"
    )

    @property
    def database(self) -> str:
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir.absolute() / 'prunery.db'}"

    @property
    def broker(self) -> str:
        return self.broker_url.get_secret_value() if self.broker_url else "folder://localhost"

    @property
    def broker_dir(self) -> Path:
        return self.data_dir.absolute() / "broker"

    @property
    def storage_dir(self) -> Path:
        return self.data_dir.absolute() / "storage"

    @property
    def work_dir(self) -> Path:
        """Where workers keep workspaces and caches; safe to delete while no worker runs."""
        return self.data_dir.absolute() / "work"

    @property
    def needs_sandbox(self) -> bool:
        if self.sandbox_required is None:
            return self.mode == "production"
        return self.sandbox_required

    @property
    def needs_keys(self) -> bool:
        if self.auth != "auto":
            return self.auth == "on"
        loopback = self.host in ("127.0.0.1", "::1", "localhost")
        return not (self.mode == "embedded" and loopback)


@functools.cache
def load() -> Settings:
    """The settings of this process, read once."""
    return Settings()


def document() -> str:
    """The page docs/settings.md: `python -m app.core.settings > docs/settings.md`."""
    lines = [
        "# Settings",
        "",
        "Read from the environment, once. Generated from `app/core/settings.py` by "
        "`python -m app.core.settings`; a test compares them.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        lines.append(f"| `PRUNERY_{name.upper()}` | {default} | {field.description} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.stdout.write(document())
