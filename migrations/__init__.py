"""Alembic's scripts, for SQLite and Postgres alike; `prunery migrate` runs them."""
