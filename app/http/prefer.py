"""`Prefer: wait=30` (RFC 7240): hold the answer until something changes, at most a minute."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Header

MOST_SECONDS = 60
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?\s*(?:$|[,;])", re.IGNORECASE)


def wait_seconds(prefer: str | None) -> int:
    """How long the client would wait; 0 where it does not say."""
    found = _WAIT.search(prefer or "")
    return min(int(found.group(1)), MOST_SECONDS) if found else 0


def _asked(
    prefer: Annotated[
        str | None,
        Header(description="`wait=30` holds the answer until the status changes, 60 s at most."),
    ] = None,
) -> int:
    return wait_seconds(prefer)


Wait = Annotated[int, Depends(_asked)]


def applied(seconds: int) -> dict[str, str]:
    """The header that says that waiting was understood."""
    return {"Preference-Applied": f"wait={seconds}"} if seconds else {}
