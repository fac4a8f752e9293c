"""Weights and architecture in two files, put together as one upload."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def joined(model: Path, architecture: Path | None) -> Iterator[Path]:
    """The model's file; with what `model.to_json()` wrote beside it, a zip of both.

    The same two files give the same zip.
    """
    if architecture is None:
        yield model
        return
    with tempfile.TemporaryDirectory(prefix="model-") as folder:
        packed = Path(folder, f"{model.stem}.zip")
        with zipfile.ZipFile(packed, "w") as archive:
            for path, name in ((model, model.name), (architecture, "architecture.json")):
                archive.writestr(zipfile.ZipInfo(name), path.read_bytes())
        yield packed
