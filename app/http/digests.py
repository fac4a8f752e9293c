"""Content-Digest and Repr-Digest (RFC 9530): sha-256 as a structured field."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

from prunery.specs.errors import PruneryError

_SHA256 = re.compile(r"(?:^|,)\s*sha-256\s*=\s*:([A-Za-z0-9+/=]*):", re.IGNORECASE)


def wanted(headers: Mapping[str, str]) -> str | None:
    """The sha-256 in hex that the client announces; None where it announces none.

    Raises `body_invalid` for one that cannot be read, and for two that differ.
    """
    found = {
        digest for name in ("content-digest", "repr-digest") if (digest := _read(headers, name))
    }
    if len(found) > 1:
        raise PruneryError("body_invalid", "Content-Digest and Repr-Digest name two checksums.")
    return found.pop() if found else None


def _read(headers: Mapping[str, str], name: str) -> str | None:
    match = _SHA256.search(headers.get(name, ""))
    if match is None:
        return None  # another algorithm: a recipient may ignore it
    try:
        raw = base64.b64decode(match.group(1), validate=True)
    except binascii.Error:
        raw = b""
    if len(raw) != 32:
        raise PruneryError("body_invalid", f"{name} is not sha-256=:<base64 of 32 bytes>:.")
    return raw.hex()


def check(announced: str | None, sha256: str) -> None:
    """Raise `digest_mismatch` where the bytes are not those that were announced."""
    if announced is not None and announced != sha256:
        raise PruneryError(
            "digest_mismatch", f"Announced was {announced}, received was {sha256} (sha-256)."
        )


def field(sha256: str) -> str:
    """The value of Repr-Digest for a checksum in hex."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"
