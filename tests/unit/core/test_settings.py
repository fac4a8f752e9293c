"""Settings are read once, never change, and are strict where strangers can reach the service."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.core.settings import Settings


def test_settings_come_from_the_environment_and_are_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNERY_PORT", "9001")
    settings = Settings()
    assert settings.port == 9001
    with pytest.raises(ValidationError):
        settings.port = 9002  # type: ignore[misc]


def test_a_value_that_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNERY_LEASE_SECONDS", "-1")
    with pytest.raises(ValidationError):
        Settings()


def test_everything_lies_in_the_data_folder_by_default(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert settings.database == f"sqlite:///{tmp_path}/prunery.db"
    assert settings.broker.startswith("folder://")
    assert settings.storage_dir.is_relative_to(tmp_path)


@pytest.mark.parametrize(
    ("mode", "host", "auth", "needed"),
    [
        ("embedded", "127.0.0.1", "auto", False),
        ("embedded", "::1", "auto", False),
        ("embedded", "192.0.2.7", "auto", True),
        ("embedded", "192.0.2.7", "off", False),
        ("production", "127.0.0.1", "auto", True),
        ("embedded", "127.0.0.1", "on", True),
    ],
)
def test_keys_are_needed_wherever_strangers_can_come(
    mode: str, host: str, auth: str, needed: bool
) -> None:
    settings = Settings.model_validate({"mode": mode, "host": host, "auth": auth})
    assert settings.needs_keys is needed


def test_the_sandbox_is_needed_in_production_unless_said_otherwise() -> None:
    assert Settings(mode="production").needs_sandbox
    assert not Settings(mode="production", sandbox_required=False).needs_sandbox
    assert not Settings(mode="embedded").needs_sandbox
    assert Settings(mode="embedded", sandbox_required=True).needs_sandbox


def test_secrets_do_not_show() -> None:
    url = "postgresql+psycopg://u:hunter2@db/prunery"
    settings = Settings.model_validate({"database_url": url, "s3_secret_access_key": "hunter2"})
    assert settings.database == url
    assert "hunter2" not in repr(settings)
