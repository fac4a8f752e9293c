"""Zips of image folders: decoded by Pillow, one format list, one frame, bounded by the header."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin

from prunery.screening import image_archives
from prunery.screening.archives import Archive
from prunery.specs.errors import PruneryError
from worker.engine.datasets.pixels import CHANNELS
from worker.engine.datasets.raw import Source
from worker.engine.datasets.refusals import mismatch

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
MAX_PIXELS = 25_000_000
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}

# A PNG's text chunks are compressed too; nobody's labels are in them.
PngImagePlugin.MAX_TEXT_CHUNK = 2**16
PngImagePlugin.MAX_TEXT_MEMORY = 2**20


def read(
    archive: Archive,
    folder: Path,
    *,
    shape: tuple[int | None, ...] | None,
    resize: str = "auto",
    name: str = "x",
) -> Source:
    """Read every image for an input of `shape`; without one, only look at each.

    Classes are the folders' names in sorted order, over all splits.
    """
    found = image_archives.images(archive)
    classes = tuple(sorted({image.label for image in found}))
    source = Source("image_folders", classes=classes)
    numbers = {label: index for index, label in enumerate(classes)}
    for split in sorted({image.split for image in found}):
        members = [image for image in found if image.split == split]
        suffix = "" if split == "all" else f"_{split}"
        source.arrays[f"y{suffix}"] = np.array([numbers[i.label] for i in members], np.int32)
        paths = [image.member for image in members]
        if shape is None:
            source.arrays[f"x{suffix}"] = _looked_at(archive, paths)
            continue
        target = _Target(shape, resize, name)
        target.settle_size(archive, paths)
        source.arrays[f"x{suffix}"] = _decoded(archive, paths, target, folder / f"images{suffix}")
        source.resize = target.words
    return source


class _Target:
    """Height, width, channels and order of the axes that a model's input takes."""

    def __init__(self, shape: tuple[int | None, ...], resize: str, name: str) -> None:
        self.crop = resize == "crop"
        self.first = False
        self.flat = len(shape) == 2
        height, width, channels = _axes(shape, name)
        if len(shape) == 3 and shape[0] in CHANNELS and shape[2] not in CHANNELS:
            channels, height, width = shape
            self.first = True
        if channels is None:
            channels = 3
        if channels not in CHANNELS:
            raise mismatch(
                name,
                f"examples with {channels} channels",
                "images, which have 1, 3 or 4",
                "Send arrays as .npz for this model.",
            )
        self.height, self.width, self.channels = height, width, channels
        self.name = name

    def settle_size(self, archive: Archive, members: list[str]) -> None:
        """Where the model takes any size, take that of the images, if they have one."""
        if self.height is not None and self.width is not None:
            return
        sizes = {_size(archive, member) for member in members}
        if len(sizes) > 1:
            raise mismatch(
                self.name,
                "images of one size, since the model takes any",
                f"{len(sizes)} sizes",
                "Resize the images to one size before zipping them.",
            )
        width, height = sizes.pop()
        self.width = self.width or width
        self.height = self.height or height

    @property
    def words(self) -> str:
        """What is done to every image, for the report."""
        how = "scaled and cropped to the centre" if self.crop else "scaled, not keeping the aspect"
        return f"{how}: {self.width} x {self.height}, {_MODES[self.channels]}"

    def take(self, image: Any) -> np.ndarray:
        """One image as the model's input, uint8."""
        size = (self.width or 1, self.height or 1)
        image = _in_mode(image, _MODES[self.channels])
        if image.size != size:
            if self.crop:
                image = ImageOps.fit(image, size, Image.Resampling.BILINEAR)
            else:
                image = image.resize(size, Image.Resampling.BILINEAR)
        array = np.asarray(image, np.uint8)
        if self.flat:
            return array
        array = array.reshape(*array.shape[:2], self.channels)
        return np.moveaxis(array, -1, 0) if self.first else array

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        height, width = self.height or 1, self.width or 1
        if self.flat:
            return (height, width)
        return (self.channels, height, width) if self.first else (height, width, self.channels)


def _axes(shape: tuple[int | None, ...], name: str) -> tuple[int | None, int | None, int | None]:
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    if len(shape) == 2:
        return shape[0], shape[1], 1
    raise mismatch(
        name,
        f"examples of shape {shape}",
        "images",
        "The model's input must be (height, width, channels); add a Flatten layer to the model.",
    )


def _in_mode(image: Any, mode: str) -> Any:
    if image.mode.startswith("I;16") or image.mode == "I":
        # 16 bits a pixel: Pillow would clip them at 255.
        image = Image.fromarray((np.asarray(image, np.uint32) >> 8).astype(np.uint8))
    if image.mode in ("P", "LA", "PA"):
        image = image.convert("RGBA")
    return image if image.mode == mode else image.convert(mode)


@contextmanager
def _opened(archive: Archive, member: str) -> Iterator[Any]:
    """An image of the allowed formats, its header checked; any failure names the member."""
    raw = archive.read(member, image_archives.MAX_IMAGE_BYTES)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise PruneryError(
                        "image_too_large",
                        f"{member[:120]!r} has {image.width} x {image.height} pixels.",
                    )
                if getattr(image, "n_frames", 1) != 1:
                    raise PruneryError("image_invalid", f"{member[:120]!r} is an animation.")
                yield image
    except PruneryError as error:
        raise error.at(member) from None
    except Image.DecompressionBombError:
        detail = f"{member[:120]!r} has too many pixels."
        raise PruneryError("image_too_large", detail).at(member) from None
    except MemoryError:
        raise
    except Exception:  # Pillow's decoders raise whatever they stumble over
        detail = f"{member[:120]!r} cannot be decoded."
        raise PruneryError("image_invalid", detail).at(member) from None


def _size(archive: Archive, member: str) -> tuple[int, int]:
    with _opened(archive, member) as image:
        return _upright(image).size


def _upright(image: Any) -> Any:
    """The picture as its camera's EXIF turn means it."""
    return ImageOps.exif_transpose(image)


def _looked_at(archive: Archive, members: list[str]) -> np.ndarray:
    """Decode every image once, and keep nothing but their number; see `inspection`."""
    for member in members:
        with _opened(archive, member) as image:
            _upright(image).load()
    return np.zeros((len(members), 0), np.uint8)


def _decoded(archive: Archive, members: list[str], target: _Target, path: Path) -> np.ndarray:
    shape = (len(members), *target.shape)
    out = np.memmap(path, np.uint8, "w+", shape=shape)
    for index, member in enumerate(members):
        with _opened(archive, member) as image:
            out[index] = target.take(_upright(image))
    return out
