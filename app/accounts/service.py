"""Bearer keys: 256 random bits, shown once, stored as a hash, revocable.

A slow password hash would protect nothing here: a key cannot be guessed, and it is checked at
every request.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.accounts.repository import KeyRepository, OwnerRepository
from app.core import clock, ids
from app.core.database import Database
from app.core.tables import ApiKeyTable, OwnerTable
from prunery.specs.errors import PruneryError

PREFIX = "prn_"


def hash_of(key: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def create_owner(session: Session, name: str) -> str:
    """Make an owner; its id."""
    owner = OwnerTable(id=ids.new("own"), name=name, created_at=clock.now())
    OwnerRepository(session).add(owner)
    return owner.id


def create_key(session: Session, owner_id: str, name: str) -> tuple[str, str]:
    """Make a key for an owner: its id, and the key itself, which nobody can read again."""
    if OwnerRepository(session).find(owner_id) is None:
        raise PruneryError("not_found", f"There is no owner {owner_id[:40]}.")
    key = PREFIX + secrets.token_urlsafe(32)
    row = ApiKeyTable(
        id=ids.new("key"),
        owner_id=owner_id,
        name=name[:200],
        key_sha256=hash_of(key),
        created_at=clock.now(),
    )
    KeyRepository(session, owner_id).add(row)
    return row.id, key


def revoke_key(session: Session, owner_id: str, key_id: str) -> None:
    """Make a key useless from now on. Raises `not_found`."""
    if not KeyRepository(session, owner_id).revoke(key_id, clock.now()):
        raise PruneryError("not_found", f"There is no key {key_id[:40]}.")


def all_keys(session: Session) -> Sequence[ApiKeyTable]:
    """Every key in force, of every owner: for the operator at the machine."""
    return OwnerRepository(session).keys()


def revoke_any_key(session: Session, key_id: str) -> None:
    """As `revoke_key`, for the operator at the machine."""
    row = OwnerRepository(session).key(key_id)
    revoke_key(session, row.owner_id if row is not None else "", key_id)


def owner_of(database: Database, key: str) -> str | None:
    """Whose key this is, unless it is unknown or revoked."""
    with database.reading() as session:
        return OwnerRepository(session).by_key(hash_of(key))
