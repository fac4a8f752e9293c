"""Queries over kept answers; every one is bound to an owner."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.core.tables import KeptAnswerTable


class AnswerRepository:
    """Kept answers of one owner."""

    def __init__(self, session: Session, owner_id: str) -> None:
        self._session, self._owner_id = session, owner_id

    def find(self, key: str) -> KeptAnswerTable | None:
        return self._session.get(KeptAnswerTable, (self._owner_id, key), populate_existing=True)

    def add(self, row: KeptAnswerTable) -> None:
        self._session.add(row)
        self._session.flush()

    def forget(self, key: str) -> None:
        """Delete one key."""
        self._session.execute(
            delete(KeptAnswerTable).where(
                KeptAnswerTable.owner_id == self._owner_id, KeptAnswerTable.key == key
            )
        )

    def forget_older(self, moment: datetime) -> None:
        """Delete what was kept before `moment`."""
        self._session.execute(
            delete(KeptAnswerTable).where(
                KeptAnswerTable.owner_id == self._owner_id, KeptAnswerTable.created_at < moment
            )
        )
