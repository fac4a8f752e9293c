"""Raw arrays of a dataset file, whatever its format, memory-mapped where they are large."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from prunery.screening import array_archives, arrays, datasets
from prunery.screening.archives import Archive, open_archive
from prunery.specs.datasets import DatasetOptions
from prunery.specs.errors import FieldError, of_fields
from prunery.specs.job import EngineLimits
from worker.engine.datasets import images, tables
from worker.engine.datasets.raw import Source

_CHUNK = 1 << 20


def read(
    path: Path,
    filename: str,
    options: DatasetOptions,
    folder: Path,
    limits: EngineLimits,
    **image_settings: Any,
) -> Source:
    """Screen a file and read it; `folder` receives what must lie on disk.

    `image_settings` are for folders of images, which are read for one model's input.
    """
    form = datasets.screen_dataset(path, filename, limits)
    if form == "csv":
        return tables.read(path, options, folder)
    _refuse_columns(options)
    with open_archive(path, datasets.bounds(limits)) as archive:
        if form == "image_folders":
            return images.read(archive, folder, **image_settings)
        return Source(form, read_arrays(archive, path, folder))


def _refuse_columns(options: DatasetOptions) -> None:
    """Raise `request_invalid` where columns are named and there is no table."""
    message = "Only a CSV has columns: leave it out."
    named = {"label_column": options.label_column, "feature_columns": options.feature_columns}
    wrong = [
        FieldError(pointer=f"/{field}", message=message)
        for field, value in named.items()
        if value is not None
    ]
    if wrong:
        raise of_fields(wrong, "request_invalid")


def read_arrays(archive: Archive, path: Path, folder: Path) -> dict[str, np.ndarray]:
    """Every array of an archive; stored members are mapped in place, deflated ones unpacked."""
    found = array_archives.headers(archive)
    members = {array_archives.array_name(name): name for name in array_archives.members(archive)}
    return {
        name: _map(archive, path, members[name], header, folder / f"raw-{index}.bin")
        for index, (name, header) in enumerate(found.items())
    }


def _map(
    archive: Archive, path: Path, member: str, header: arrays.Header, target: Path
) -> np.ndarray:
    if header.data_bytes == 0:
        return np.zeros(header.shape, np.dtype(header.dtype))
    info = archive.members[member]
    # Reading to the end is what checks the member's checksum.
    if info.compress_type == 0:
        with archive.open(member) as stream:
            while stream.read(_CHUNK):
                pass
        target, offset = path, archive.data_offset(member) + header.data_offset
    else:
        archive.extract(member, target)
        offset = header.data_offset
    return np.memmap(
        target,
        dtype=np.dtype(header.dtype),
        mode="r",
        offset=offset,
        shape=header.shape,
        order="F" if header.fortran else "C",
    )


def sha256(path: Path) -> str:
    """Checksum of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
