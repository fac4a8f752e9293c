"""Save a model so that the same model is the same file, byte for byte.

Keras writes the time of day into the archive and its metadata; a checksum would then say that two
equal runs differ.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import keras

# The earliest date that a zip can hold.
_DATE = (1980, 1, 1, 0, 0, 0)
_SAVED = "1980-01-01@00:00:00"


def save(model: keras.Model, path: Path, *, with_optimizer: bool = True) -> None:
    """Write a `.keras` file without the time of day, or without the optimizer's state, too."""
    dated = path.with_name(f"dated-{path.name}")
    optimizer = getattr(model, "optimizer", None)  # an uncompiled model has no such attribute
    try:
        if optimizer is not None and not with_optimizer:
            model.optimizer = None
        model.save(dated)
        with zipfile.ZipFile(dated) as source, zipfile.ZipFile(path, "w") as target:
            for entry in source.infolist():
                _copy(source, target, entry)
    finally:
        if optimizer is not None:
            model.optimizer = optimizer
        dated.unlink(missing_ok=True)


def _copy(source: zipfile.ZipFile, target: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    undated = zipfile.ZipInfo(entry.filename, _DATE)
    undated.compress_type = entry.compress_type
    if entry.filename == "metadata.json":
        metadata = json.loads(source.read(entry)) | {"date_saved": _SAVED}
        target.writestr(undated, json.dumps(metadata))
        return
    undated.file_size = entry.file_size
    with source.open(entry) as reader, target.open(undated, "w") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
