"""One key, one request, one answer: taken before the work, kept after it.

Only what succeeded is kept. A refusal has changed nothing, so the same key may try again.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from app.accounts.repository import OwnerRepository
from app.answers.repository import AnswerRepository
from app.core import clock
from app.core.tables import KeptAnswerTable
from prunery.specs.errors import PruneryError

KEPT = timedelta(days=1)
# Longer than any POST takes: what is still open then belongs to a process that died.
LONGEST = timedelta(minutes=3)


def begin(session: Session, owner_id: str, key: str, fingerprint: str) -> KeptAnswerTable | None:
    """Take a key, or return the answer that was kept under it.

    Raises: `request_invalid` for another request under the same key, `conflict` while it runs.
    """
    answers, moment = AnswerRepository(session, owner_id), clock.now()
    OwnerRepository(session).lock(owner_id)
    answers.forget_older(moment - KEPT)
    row = answers.find(key)
    if row is not None and row.status is None and row.created_at < moment - LONGEST:
        answers.forget(key)
        session.expunge(row)
        row = None
    if row is None:
        answers.add(
            KeptAnswerTable(
                owner_id=owner_id, key=key, request_sha256=fingerprint, created_at=moment
            )
        )
        return None
    if row.request_sha256 != fingerprint:
        raise PruneryError(
            "request_invalid",
            "This Idempotency-Key belongs to another request.",
            hint="Make a new key for each new request; keep it only to send the same one again.",
        )
    if row.status is None:
        raise PruneryError(
            "conflict",
            "The request with this Idempotency-Key is being worked on.",
            hint="Ask again in a moment.",
        )
    return row


def keep(
    session: Session, owner_id: str, key: str, status: int, headers: dict[str, str], body: str
) -> None:
    """Keep the answer to the request that took `key`."""
    row = AnswerRepository(session, owner_id).find(key)
    if row is not None:
        row.status, row.headers, row.body = status, headers, body


def give_up(session: Session, owner_id: str, key: str) -> None:
    """Free a key whose request changed nothing."""
    AnswerRepository(session, owner_id).forget(key)
