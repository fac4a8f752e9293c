"""Schema history for SQLite and Postgres."""
