"""Names that strangers give to files: shown to people, never used as a path."""

from __future__ import annotations

import unicodedata

LONGEST = 200


def clean(name: str | None, default: str) -> str:
    """The last part of a path, without what could move a cursor, split a header or hide an end."""
    return plain((name or "").replace("\\", "/").rsplit("/", 1)[-1], default)


def plain(name: str, default: str) -> str:
    """The same for a name that is no path: what a person calls a job may hold slashes."""
    shown = "".join(
        letter
        for letter in name
        if unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
    ).strip()
    if len(shown) > LONGEST:
        stem, dot, suffix = shown.rpartition(".")
        suffix = suffix[:20]
        shown = stem[: LONGEST - len(dot + suffix)] + dot + suffix if dot else shown[:LONGEST]
    return shown if shown.strip(". ") else default
