"""Sessions lose no update and readers write nothing, on both databases."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from app.core import migrate
from app.core.database import Database
from app.core.tables import LOCAL_OWNER, OwnerTable

COUNT = """
import sys
from app.core.database import Database
from app.core.tables import LOCAL_OWNER, OwnerTable
database = Database(sys.argv[1])
for _ in range(100):
    with database.session() as session:
        owner = session.get(OwnerTable, LOCAL_OWNER)
        owner.name = str(int(owner.name) + 1)
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path / 'x.db'}"
    migrate.upgrade(made)
    return made


def rename(database: Database, name: str) -> None:
    with database.session() as session:
        session.get_one(OwnerTable, LOCAL_OWNER).name = name


def test_three_processes_lose_no_update_in_sqlite(url: str) -> None:
    database = Database(url)
    rename(database, "0")
    processes = [
        subprocess.Popen([sys.executable, "-c", COUNT, url], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    for process in processes:
        assert process.stderr is not None
        process.stderr.close()
    with database.reading() as session:
        assert session.get_one(OwnerTable, LOCAL_OWNER).name == "300"
    database.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_reading_session_cannot_write(
    kind: str, url: str, request: pytest.FixtureRequest
) -> None:
    if kind == "postgres":
        url = request.getfixturevalue("fresh_postgres_url")
        migrate.upgrade(url)
    database = Database(url)
    with pytest.raises(DBAPIError, match=r"read-?only"), database.reading() as session:
        session.get_one(OwnerTable, LOCAL_OWNER).name = "changed"
    rename(database, "a writer after a reader, on the same connection")
    database.dispose()


def test_a_reader_does_not_wait_for_a_writer(url: str) -> None:
    database = Database(url)
    with database.session() as writer:
        writer.get_one(OwnerTable, LOCAL_OWNER).name = "not yet"
        writer.flush()
        with database.reading() as reader:
            assert reader.get_one(OwnerTable, LOCAL_OWNER).name == "local"
    database.dispose()


def test_a_session_that_raises_changes_nothing(url: str) -> None:
    database = Database(url)

    def change_and_fail() -> None:
        with database.session() as session:
            session.get_one(OwnerTable, LOCAL_OWNER).name = "changed"
            session.flush()
            raise KeyError

    with pytest.raises(KeyError):
        change_and_fail()
    with database.reading() as session:
        assert session.get_one(OwnerTable, LOCAL_OWNER).name == "local"
    database.dispose()
