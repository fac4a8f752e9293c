"""Queries over owners and keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.tables import ApiKeyTable, OwnerTable


class OwnerRepository:
    """Owners: the one place that looks across them, to find out who asks."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def find(self, owner_id: str) -> OwnerTable | None:
        return self._session.get(OwnerTable, owner_id)

    def add(self, owner: OwnerTable) -> None:
        self._session.add(owner)
        self._session.flush()

    def lock(self, owner_id: str) -> None:
        """Let one session at a time count, look for and insert what is this owner's."""
        self._session.execute(
            select(OwnerTable.id).where(OwnerTable.id == owner_id).with_for_update()
        )

    def by_key(self, key_sha256: str) -> str | None:
        """Whose key has this hash, unless it was revoked."""
        query = select(ApiKeyTable.owner_id).where(
            ApiKeyTable.key_sha256 == key_sha256, ApiKeyTable.revoked_at.is_(None)
        )
        return self._session.scalars(query).one_or_none()

    def keys(self) -> Sequence[ApiKeyTable]:
        """Every key in force, for the operator."""
        query = select(ApiKeyTable).where(ApiKeyTable.revoked_at.is_(None))
        return self._session.scalars(query.order_by(ApiKeyTable.id)).all()

    def key(self, key_id: str) -> ApiKeyTable | None:
        return self._session.get(ApiKeyTable, key_id)


class KeyRepository:
    """Keys of one owner."""

    def __init__(self, session: Session, owner_id: str) -> None:
        self._session, self._owner_id = session, owner_id

    def add(self, row: ApiKeyTable) -> None:
        self._session.add(row)
        self._session.flush()

    def revoke(self, key_id: str, moment: datetime) -> bool:
        """Whether there was a key to revoke."""
        revoked = (
            update(ApiKeyTable)
            .where(
                ApiKeyTable.id == key_id,
                ApiKeyTable.owner_id == self._owner_id,
                ApiKeyTable.revoked_at.is_(None),
            )
            .values(revoked_at=moment)
            .returning(ApiKeyTable.id)
            .execution_options(synchronize_session=False)
        )
        return self._session.execute(revoked).first() is not None
