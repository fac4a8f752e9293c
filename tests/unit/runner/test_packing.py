"""all.zip: compressed where that pays, with true checksums, and the same bytes each time."""

from __future__ import annotations

import hashlib
import json
import random
import zipfile
from pathlib import Path

from worker.packing import MANIFEST, pack, pack_folder


def test_weights_are_stored_and_words_deflated(tmp_path: Path) -> None:
    weights, words = random.Random(0).randbytes(50_000), b'{"figure": 0.25}' * 1000
    pieces = {"model.keras": [weights[:30_000], weights[30_000:]], "report.json": [words], "e": []}
    pack(tmp_path / "all.zip", pieces.items())
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        kinds = {one.filename: one.compress_type for one in archive.infolist()}
        assert kinds["model.keras"] == zipfile.ZIP_STORED
        assert kinds["report.json"] == zipfile.ZIP_DEFLATED
        assert archive.read("model.keras") == weights
        listed = json.loads(archive.read(MANIFEST))["files"]
    assert listed["model.keras"] == {
        "size_bytes": len(weights),
        "sha256": hashlib.sha256(weights).hexdigest(),
    }
    assert listed["e"]["size_bytes"] == 0


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "levels").mkdir()
    (tmp_path / "levels" / "a.txt").write_text("a" * 100)
    first = pack_folder(tmp_path).read_bytes()
    assert pack_folder(tmp_path).read_bytes() == first
