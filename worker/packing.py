"""all.zip: everything that a job hands over, with a manifest of sizes and checksums."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

ALL = "all.zip"
MANIFEST = "manifest.json"
# The same files give the same bytes, whenever they are packed.
_EPOCH = (1980, 1, 1, 0, 0, 0)
# Trained weights shrink by a fourteenth and take most of the time: such members are stored.
_WORTH_IT = 0.9


def pack(target: Path, members: Iterable[tuple[str, Iterable[bytes]]]) -> None:
    """Write a zip of (name, content in pieces), then `manifest.json` with what it holds."""
    manifest: dict[str, dict[str, object]] = {}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        for name, pieces in members:
            digest, size = hashlib.sha256(), 0
            rest = iter(pieces)
            start = next(rest, b"")
            with archive.open(_entry(name, start), "w", force_zip64=True) as member:
                for piece in chain([start], rest):
                    digest.update(piece)
                    size += len(piece)
                    member.write(piece)
            manifest[name] = {"size_bytes": size, "sha256": digest.hexdigest()}
        content = json.dumps({"format": 1, "files": manifest}, indent=2)
        archive.writestr(_entry(MANIFEST, content.encode()), content)


def pack_folder(folder: Path) -> Path:
    """Pack every file below `folder` into its `all.zip`."""
    target = folder / ALL
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != target)
    pack(target, ((path.relative_to(folder).as_posix(), _pieces(path)) for path in paths))
    return target


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            yield piece


def _entry(name: str, start: bytes) -> zipfile.ZipInfo:
    """Deflated where its first piece says that this is worth the time."""
    entry = zipfile.ZipInfo(name, _EPOCH)
    if len(zlib.compress(start, 1)) < _WORTH_IT * len(start):
        entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry
