"""HDF5 files, walked before anything in them is trusted.

Links are looked at, not followed: a soft or external link, an external or virtual dataset names
another file. What a file declares is bounded by what it holds, since a few bytes of header can ask
for terabytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Keeps the HDF5 library from loading filter plugins that a file names.
os.environ["HDF5_PLUGIN_PATH"] = "::"

import h5py

from prunery.specs.errors import PruneryError

FILTERS = frozenset(
    {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
    | {h5py.h5z.FILTER_LZF}
)
SPARE_BYTES = 64_000_000
MAX_CHUNK_BYTES = 64_000_000
MAX_OBJECTS = 200_000
MAX_ATTRIBUTE_BYTES = 64_000_000


@contextmanager
def open_checked(path: Path) -> Iterator[h5py.File]:
    """Open a file read-only once every object in it has passed."""
    try:
        with h5py.File(path, "r", locking=False) as opened:
            _Walk(path.stat().st_size).check(opened)
            yield opened
    except (OSError, RuntimeError, KeyError, ValueError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise PruneryError(
            "model_weights_invalid", "The HDF5 file is damaged and cannot be read."
        ) from None


class _Walk:
    """One pass over a file, counting what it declares."""

    def __init__(self, size: int) -> None:
        self.allowed = 4 * size + SPARE_BYTES
        self.declared = 0
        self.seen: set[Any] = set()

    def check(self, opened: h5py.File) -> None:
        """Visit every object reachable from the root."""
        if opened.id.get_create_plist().get_userblock():
            raise _unsafe("a user block", "/")
        stack: list[tuple[str, Any]] = [("/", opened)]
        while stack:
            name, item = stack.pop()
            self._once(name, item)
            self._attributes(name, item)
            if isinstance(item, h5py.Dataset):
                self._dataset(name, item)
            elif isinstance(item, h5py.Group):
                for child in item:
                    if not isinstance(item.get(child, getlink=True), h5py.HardLink):
                        raise _unsafe("a soft or external link", f"{name}/{child}")
                    stack.append((f"{name.rstrip('/')}/{child}", item[child]))
            else:
                raise _unsafe("a named type", name)

    def _once(self, name: str, item: Any) -> None:
        info = h5py.h5o.get_info(item.id)
        if (info.fileno, info.addr) in self.seen:
            raise _unsafe("an object that is linked twice", name)
        self.seen.add((info.fileno, info.addr))
        if len(self.seen) > MAX_OBJECTS:
            raise PruneryError(
                "hdf5_too_large", f"The file holds more than {MAX_OBJECTS:,} objects."
            )

    def _attributes(self, name: str, item: Any) -> None:
        for key in item.attrs:
            attribute = h5py.h5a.open(item.id, key.encode())
            kind = attribute.get_type()
            _check_type(kind, f"{name}@{key}", texts=True)
            size = attribute.get_space().get_simple_extent_npoints() * kind.get_size()
            self._declare(size, MAX_ATTRIBUTE_BYTES, name)

    def _dataset(self, name: str, item: h5py.Dataset) -> None:
        created = item.id.get_create_plist()
        if created.get_external_count():
            raise _unsafe("external storage", name)
        if created.get_layout() == h5py.h5d.VIRTUAL:
            raise _unsafe("a virtual dataset", name)
        for index in range(created.get_nfilters()):
            if created.get_filter(index)[0] not in FILTERS:
                raise _unsafe("an unusual filter", name)
        _check_type(item.id.get_type(), name, texts=True)
        width = item.dtype.itemsize
        if item.chunks is not None and _product(item.chunks) * width > MAX_CHUNK_BYTES:
            raise PruneryError("hdf5_too_large", f"A chunk of {name[:120]!r} is too large.").at(
                name
            )
        self._declare(_product(item.shape or ()) * width, None, name)

    def _declare(self, size: int, at_most: int | None, name: str) -> None:
        self.declared += size
        if self.declared > self.allowed or (at_most is not None and size > at_most):
            raise PruneryError(
                "hdf5_too_large",
                f"The file declares far more than it holds, at {name[:120]!r}.",
            ).at(*_parts(name))


def _check_type(kind: Any, name: str, *, texts: bool) -> None:
    """Numbers and texts pass; references, compounds and opaque bytes do not."""
    plain = kind.get_class() in (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM)
    # bfloat16 and other numbers of NumPy extensions are stored as opaque bytes of a fixed width.
    opaque = kind.get_class() == h5py.h5t.OPAQUE and kind.get_size() <= 8
    if not (plain or opaque or (texts and kind.get_class() == h5py.h5t.STRING)):
        raise _unsafe("a type that is neither number nor text", name)


def _product(shape: tuple[int, ...]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _unsafe(what: str, name: str) -> PruneryError:
    error = PruneryError("hdf5_unsafe_feature", f"{name[:120]!r} is or holds {what}.")
    return error.at(*_parts(name))


def _parts(name: str) -> list[str]:
    return name.strip("/").split("/")
