"""Find Fashion-MNIST on this machine.

Looked for, in order: the folder named by FASHION_MNIST_DIR, the Debian package
`dataset-fashion-mnist`, Keras' own download cache, and last the sample beside this file.
"""

from __future__ import annotations

import gzip
import os
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SAMPLE = Path(__file__).with_name("fashion_mnist_sample.npz")
DEBIAN = Path("/usr/share/datasets/fashion-mnist")

_FILES = {
    "x_train": "train-images-idx3-ubyte.gz",
    "y_train": "train-labels-idx1-ubyte.gz",
    "x_test": "t10k-images-idx3-ubyte.gz",
    "y_test": "t10k-labels-idx1-ubyte.gz",
}


@dataclass(frozen=True)
class FashionMnist:
    """Images uint8 of shape (n, 28, 28) and labels uint8 of shape (n,), ten classes."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    source: str
    is_full: bool


def load() -> FashionMnist:
    """The full set (60,000 training images) if this machine has it, else the sample."""
    folder = find_full()
    return load_sample() if folder is None else _load_idx(folder)


def load_sample() -> FashionMnist:
    """10,000 training images, 1,000 of each class, and all 10,000 test images."""
    with np.load(SAMPLE, allow_pickle=False) as arrays:
        return FashionMnist(
            **{name: arrays[name] for name in _FILES}, source="the shipped sample", is_full=False
        )


def described(data: FashionMnist) -> str:
    """What was measured on, without where it lies."""
    which = "the full Fashion-MNIST" if data.is_full else "the shipped sample of Fashion-MNIST"
    return f"{which}, {len(data.x_train):,} training images"


def find_full() -> Path | None:
    """The first folder that holds all four original files."""
    for folder in _candidates():
        if all((folder / name).is_file() for name in _FILES.values()):
            return folder
    return None


def write_npz(data: FashionMnist, path: Path) -> Path:
    """Write the four arrays, byte for byte the same on every call."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in _FILES:
            # A fixed date: the same images must always have the same checksum.
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w") as stream:
                np.lib.format.write_array(stream, getattr(data, name), allow_pickle=False)
    return path


def _candidates() -> list[Path]:
    keras_home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    folders = [DEBIAN, keras_home / "datasets" / "fashion-mnist"]
    if named := os.environ.get("FASHION_MNIST_DIR"):
        folders.insert(0, Path(named))
    return folders


def _load_idx(folder: Path) -> FashionMnist:
    arrays = {name: _read_idx(folder / file) for name, file in _FILES.items()}
    return FashionMnist(**arrays, source=f"the full set in {folder}", is_full=True)


def _read_idx(path: Path) -> np.ndarray:
    """Read the format of the original files: two zeros, dtype 8, rank, big-endian shape, bytes."""
    content = gzip.decompress(path.read_bytes())
    zeros, dtype, rank = struct.unpack(">HBB", content[:4])
    if zeros != 0 or dtype != 8:
        raise ValueError(f"{path} is not an IDX file of bytes")
    start = 4 + 4 * rank
    shape = struct.unpack(f">{rank}I", content[4:start])
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
