"""Files that operating systems leave in archives, and that nobody meant to send."""

from __future__ import annotations

_NAMES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", "ehthumbs.db"})


def is_junk(member: str) -> bool:
    """Tell whether an archive's member may be passed over."""
    parts = member.split("/")
    return (
        "__MACOSX" in parts
        or parts[-1] in _NAMES
        or parts[-1].startswith("._")
        or any(part.startswith(".") for part in parts)
    )
