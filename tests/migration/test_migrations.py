"""The migrations lead up and down on both databases, and say the same as the tables."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from app.core import migrate
from app.core.database import Database
from app.core.tables import Base


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'x.db'}"
    found: str = request.getfixturevalue("fresh_postgres_url")
    return found


def tables(url: str) -> set[str]:
    database = Database(url)
    try:
        return set(inspect(database.engine).get_table_names())
    finally:
        database.dispose()


def test_up_down_and_up_again(url: str) -> None:
    migrate.upgrade(url)
    assert tables(url) == {*Base.metadata.tables, "alembic_version"}
    migrate.downgrade(url, "base")
    assert tables(url) == {"alembic_version"}
    migrate.upgrade(url)
    migrate.upgrade(url)
    assert tables(url) == {*Base.metadata.tables, "alembic_version"}


def test_tables_and_migrations_agree(url: str) -> None:
    migrate.upgrade(url)
    migrate.check(url)


def test_there_is_an_owner_from_the_start(url: str) -> None:
    migrate.upgrade(url)
    database = Database(url)
    with database.reading() as session:
        assert session.execute(text("select name from owners")).scalars().all() == ["local"]
    database.dispose()


def test_every_row_of_a_user_has_an_owner() -> None:
    nobodys = {"owners", "workers", "alembic_version"}
    without = [
        name
        for name, table in Base.metadata.tables.items()
        if name not in nobodys and "owner_id" not in table.columns
    ]
    assert without == []


def test_two_processes_may_migrate_at_once(fresh_postgres_url: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        # Alembic's context is one per process; the lock is what keeps processes apart.
        database = Database(fresh_postgres_url)
        with database.engine.begin() as connection:
            connection.execute(text("select pg_advisory_xact_lock(7305209841)"))
            waiting = pool.submit(migrate.upgrade, fresh_postgres_url)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.7)
        waiting.result(timeout=10)
        database.dispose()
    assert "jobs" in tables(fresh_postgres_url)
