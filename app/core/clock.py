"""The one clock. Leases are judged by the database's clock, since workers' clocks drift apart."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session


def now() -> datetime:
    """This machine's time, UTC."""
    return datetime.now(UTC)


def shared_now(session: Session) -> datetime:
    """The time that all workers of one database agree on; with SQLite they share a machine."""
    if session.get_bind().dialect.name != "postgresql":
        return now()
    moment: datetime = session.scalars(select(func.clock_timestamp())).one()
    return moment.astimezone(UTC)
