"""Run the migrations with our own engine, one process at a time."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text

from app.core.database import Database
from app.core.tables import Base

# Any number will do, as long as nothing else in this database locks by it.
LOCK = 7_305_209_841


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        compare_server_default=True,
        # SQLite alters tables by copying them.
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()


url = context.config.get_main_option("sqlalchemy.url")
if url is None:
    raise RuntimeError("Run `prunery migrate`: it knows the database.")
database = Database(url)
try:
    # SQLite: BEGIN IMMEDIATE lets one process in. Postgres: a lock, gone with the transaction.
    with database.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        run(connection)
finally:
    database.dispose()
