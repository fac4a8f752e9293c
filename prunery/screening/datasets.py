"""The first look at a dataset file: what it is, and whether it is safe to read on."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from prunery.screening import array_archives, image_archives, tables
from prunery.screening.archives import Archive, Bounds, open_archive
from prunery.screening.junk import is_junk
from prunery.specs.errors import PruneryError
from prunery.specs.job import EngineLimits

Format = Literal["npz", "npy_zip", "csv", "image_folders"]
ZIP = b"PK\x03\x04"


def screen_dataset(path: Path, filename: str, limits: EngineLimits | None = None) -> Format:
    """Return the file's format, or raise `file_*`, `archive_*`, `dataset_*`, `csv_*`, `image_*`."""
    limits = limits or EngineLimits()
    with path.open("rb") as stream:
        start = stream.read(4096)
    if not start:
        raise PruneryError("file_empty", "The dataset file is empty.")
    suffix = Path(filename).suffix.lower()
    zipped = start.startswith((ZIP, b"PK\x05\x06"))
    if suffix in (".npz", ".zip"):
        if not zipped:
            raise PruneryError("file_type_mismatch", f"A {suffix} file is a zip; this is not one.")
        return _screen_zip(path, suffix, limits)
    if suffix in (".csv", ".tsv", ".txt"):
        if zipped or _is_binary(start):
            raise PruneryError("file_type_mismatch", "The file's name says CSV; it is not a text.")
        tables.screen(path)
        return "csv"
    raise PruneryError(
        "file_type_unsupported",
        f"Files named {suffix or 'without an ending'!r} are not read as data.",
        hint="Send .npz, .csv, a .zip of .npy files or a .zip with one folder of images a class.",
    )


def _is_binary(start: bytes) -> bool:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    known = (b"\x93NUMPY", b"\x89HDF", b"\x89PNG", b"\xff\xd8\xff", b"%PDF", b"\x1f\x8b")
    return start.startswith(known)


def _screen_zip(path: Path, suffix: str, limits: EngineLimits) -> Format:
    with open_archive(path, bounds(limits)) as archive:
        form = zip_format(archive, suffix)
        if form == "image_folders":
            image_archives.screen(archive)
        else:
            array_archives.headers(archive)
        return form


def bounds(limits: EngineLimits) -> Bounds:
    """What a dataset's archive may hold."""
    return Bounds(image_archives.MAX_MEMBERS, limits.dataset_bytes)


def zip_format(archive: Archive, suffix: str) -> Format:
    """Arrays or images, by the members' names."""
    names = [name for name in archive.members if not is_junk(name)]
    if not names:
        raise PruneryError("dataset_invalid", "The archive holds no data.")
    endings = {Path(name).suffix.lower() for name in names}
    if suffix == ".npz" or endings == {".npy"}:
        if len(names) > array_archives.MAX_MEMBERS:
            raise PruneryError("archive_too_large", "The archive holds too many arrays.")
        return "npz" if suffix == ".npz" else "npy_zip"
    if endings & image_archives.ENDINGS:
        return "image_folders"
    listed = ", ".join(sorted(endings))[:80]
    raise PruneryError(
        "dataset_invalid", f"The archive holds neither .npy arrays nor images, but {listed!r}."
    )
