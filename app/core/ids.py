"""Ids: a prefix that names the kind, then 26 letters that sort by time of making (as in ULID)."""

from __future__ import annotations

import re
import secrets
import time
from typing import Literal

Prefix = Literal["own", "key", "mdl", "dst", "job"]
PATTERN = re.compile(r"(?:own|key|mdl|dst|job)_[0-9a-hjkmnp-tv-z]{26}")
# Crockford's base 32 leaves out i, l, o and u.
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"


def new(prefix: Prefix) -> str:
    """Make an id: 48 bits of milliseconds, then 80 random bits."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    letters = [_LETTERS[(value >> shift) & 31] for shift in range(125, -1, -5)]
    return f"{prefix}_{''.join(letters)}"


def is_valid(text: str, prefix: Prefix) -> bool:
    """Whether `text` looks like an id of that kind, so that it may go into a path or a query."""
    return text.startswith(f"{prefix}_") and PATTERN.fullmatch(text) is not None
