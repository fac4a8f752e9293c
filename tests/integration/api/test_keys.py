"""`prunery keys`, as an operator types it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner

from app.core import settings
from prunery.cli import build
from tests.integration.api.live import serving


@pytest.fixture
def folder(
    tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A data folder that the environment names."""
    shutil.copy(migrated_sqlite, tmp_path / "prunery.db")
    monkeypatch.setenv("PRUNERY_DATA_DIR", str(tmp_path))
    settings.load.cache_clear()
    yield tmp_path
    settings.load.cache_clear()


def test_key_is_made_used_listed_and_revoked(folder: Path) -> None:
    run = CliRunner()
    made = run.invoke(build(), ["keys", "create", "the shop"])
    assert made.exit_code == 0, made.output
    key = made.stdout.strip()
    key_id = made.stderr.split()[0]
    with serving(folder, auth="on") as server:
        headers = {"Authorization": f"Bearer {key}"}
        assert httpx2.get(f"{server.url}/v1/jobs", headers=headers).status_code == 200
        listed = run.invoke(build(), ["keys", "list"]).stdout
        assert key_id in listed
        assert "the shop" in listed
        assert key not in listed
        assert run.invoke(build(), ["keys", "revoke", key_id]).exit_code == 0
        assert httpx2.get(f"{server.url}/v1/jobs", headers=headers).status_code == 401
    assert key not in run.invoke(build(), ["keys", "list"]).stdout
    assert key.encode() not in (folder / "prunery.db").read_bytes()


def test_unknown_key_or_owner_is_told(folder: Path) -> None:
    run = CliRunner()
    assert run.invoke(build(), ["keys", "revoke", "key_1"]).exit_code == 1
    refused = run.invoke(build(), ["keys", "create", "x", "--owner", "own_1"])
    assert refused.exit_code == 1
    assert "own_1" in refused.stderr
