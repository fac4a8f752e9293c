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
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    """On each of both databases, with the stand-in engine."""
    monkeypatch.setattr(supervise, "ENTER", "tests.stand_in.enter")
    more = {}
    if request.param == "postgres":
        more["database_url"] = request.getfixturevalue("fresh_postgres_url")
    made = Service.make(tmp_path, **more)
    yield made
    made.close()
