"""Named arrays that are made or read one at a time: a large model's are never all in memory."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

# An array that takes seconds to deflate.
_LARGE_BYTES = 1 << 24

Arrays = Mapping[str, np.ndarray]


class OnDemand(Mapping[str, np.ndarray]):
    """Arrays by key, each made by `make(key)` when it is asked for, and again when asked again."""

    def __init__(self, keys: Iterable[str], make: Callable[[str], np.ndarray]) -> None:
        self._keys = dict.fromkeys(keys)
        self._make = make

    def __getitem__(self, key: str) -> np.ndarray:
        if key not in self._keys:
            raise KeyError(key)
        return self._make(key)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def write(path: Path, entries: Iterable[tuple[str, np.ndarray]], *, deflated: bool = False) -> None:
    """Write an .npz without pickles, entry by entry; equal arrays are equal files.

    Names may hold slashes: NumPy reads a member of a zip by its path.
    """
    packing = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, value in entries:
            # Weights hardly shrink however long one tries.
            archive.compresslevel = 1 if value.nbytes > _LARGE_BYTES else None
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asarray(value, order="C"), allow_pickle=False)


def read(path: Path) -> Arrays:
    """The arrays of an .npz, read from the open file when they are asked for."""
    archive = np.load(path, allow_pickle=False)
    return OnDemand(archive.files, archive.__getitem__)
