"""Zips with one folder of images a class, perhaps below folders named train, val and test."""

from __future__ import annotations

from posixpath import splitext
from typing import NamedTuple

from prunery.screening.archives import Archive
from prunery.screening.junk import is_junk
from prunery.screening.splits import Split, base_and_split
from prunery.specs.errors import PruneryError

MAX_MEMBERS = 200_000
MAX_CLASSES = 1_000
MAX_IMAGE_BYTES = 100_000_000
ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
_OTHER_IMAGES = frozenset({".gif", ".tif", ".tiff", ".svg", ".eps", ".heic", ".ico", ".psd"})
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM")


class Image(NamedTuple):
    """One image: the member that holds it, its class and its split."""

    member: str
    label: str
    split: Split


def screen(archive: Archive) -> None:
    """Check names, sizes and the first bytes of every image."""
    for image in images(archive):
        with archive.open(image.member) as stream:
            start = stream.read(12)
        webp = start[:4] == b"RIFF" and start[8:] == b"WEBP"
        if not (start.startswith(_MAGIC) or webp):
            raise PruneryError(
                "image_invalid", f"{image.member[:120]!r} is no PNG, JPEG, WebP or BMP image."
            ).at(image.member)


def images(archive: Archive) -> list[Image]:
    """Every image with its class and split, in the order of their paths."""
    names = sorted(name for name in archive.members if not is_junk(name))
    prefix = _shared_folder(names)
    found = [_image(name, _parts(name)[prefix:]) for name in names]
    if not found:
        raise PruneryError("dataset_invalid", "The archive holds no images.")
    for name in names:
        if archive.members[name].file_size > MAX_IMAGE_BYTES:
            raise PruneryError("image_too_large", f"{name[:120]!r} is too large a file.").at(name)
    _check_classes(found)
    return found


def _shared_folder(names: list[str]) -> int:
    """How many folders all members share: a zip of `photos/` holds `photos/cat/1.jpg`."""
    parts = [_parts(name) for name in names]
    depth = 0
    while all(len(path) > depth + 2 for path in parts) and len({p[depth] for p in parts}) == 1:
        depth += 1
    return depth


def _parts(name: str) -> tuple[str, ...]:
    """What a `PurePosixPath` calls its parts; of 200,000 names that would take seconds."""
    return tuple(part for part in name.split("/") if part not in ("", "."))


def _image(name: str, parts: tuple[str, ...]) -> Image:
    ending = splitext(name)[1].lower()
    if ending not in ENDINGS:
        what = "an image of a kind that is not read" if ending in _OTHER_IMAGES else "no image"
        raise PruneryError("image_invalid", f"{name[:120]!r} is {what}.").at(name)
    split: Split = "all"
    if len(parts) == 3:
        base, split = base_and_split(f"x_{parts[0]}")
        if base != "x" or split == "all":
            raise PruneryError(
                "dataset_invalid",
                f"{name[:120]!r} lies in a folder {parts[0][:40]!r} above its class's.",
                hint="One folder a class; above them only folders named train, val and test.",
            ).at(name)
    elif len(parts) != 2:
        raise PruneryError(
            "dataset_invalid",
            f"{name[:120]!r} does not lie in the folder of a class.",
            hint="One folder a class, the images directly inside.",
        ).at(name)
    return Image(name, parts[-2], split)


def _check_classes(found: list[Image]) -> None:
    splits = {image.split for image in found}
    if "all" in splits and len(splits) > 1:
        raise PruneryError("dataset_invalid", "Some images lie in a split, others in none.")
    if "all" not in splits and "train" not in splits:
        raise PruneryError("dataset_invalid", "There is no folder of training images.")
    labels = {image.label for image in found}
    if len(labels) < 2:
        raise PruneryError("dataset_invalid", "There is only one class: one folder of images.")
    if len(labels) > MAX_CLASSES:
        raise PruneryError("dataset_invalid", f"There are more than {MAX_CLASSES:,} classes.")
    missing = {i.label for i in found} - {i.label for i in found if i.split in ("all", "train")}
    if missing:
        raise PruneryError(
            "dataset_invalid", f"The class {min(missing)[:80]!r} has no training images."
        )
