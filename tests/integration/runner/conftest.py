"""A service on SQLite, and one on Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stand_in.service import Service
from worker.runner import supervise


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """On SQLite, with the stand-in engine."""
    monkeypatch.setattr(supervise, "ENTER", "tests.stand_in.enter")
    made = Service.make(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgres"])
def either(
    request: pytest.FixtureRequest,
) -> Service:
    """On each of both databases, with the stand-in engine."""
    name = "service" if request.param == "sqlite" else "service_on_postgres"
    made: Service = request.getfixturevalue(name)
    return made


@pytest.fixture
def service_on_postgres(
    tmp_path: Path, fresh_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    """On Postgres, with the stand-in engine."""
    monkeypatch.setattr(supervise, "ENTER", "tests.stand_in.enter")
    made = Service.make(tmp_path, database_url=fresh_postgres_url)
    yield made
    made.close()
