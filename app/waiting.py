"""What waiters wait for: one look at the rows of all who wait."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from app.core.database import Database
from app.jobs import repository as jobs
from app.uploads import repository as uploads
from app.uploads.kinds import DATASET, MODEL


def look(database: Database, ids: frozenset[str]) -> Mapping[str, Hashable]:
    """The version of every row by its id, whatever kind it is of."""
    found: dict[str, Hashable] = {}
    with database.reading() as session:
        for kind in (MODEL, DATASET):
            if mine := _of(ids, kind.prefix):
                found.update(uploads.statuses(session, kind, mine))
        if mine := _of(ids, "job"):
            found.update(jobs.versions(session, mine))
    return found


def _of(ids: frozenset[str], prefix: str) -> frozenset[str]:
    return frozenset(row_id for row_id in ids if row_id.startswith(f"{prefix}_"))
