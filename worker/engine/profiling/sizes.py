"""Parameters and bytes."""

from __future__ import annotations

import math
import os
import zlib
from pathlib import Path

import keras
import numpy as np

from worker.engine import masks

_CHUNK_BYTES = 1 << 20
_LARGE_BYTES = 1 << 29
# zlib's way of saying: the largest window, with gzip's header.
_GZIP = 31


def parameters(model: keras.Model) -> int:
    """All weights, biases and normalisation statistics included."""
    return sum(math.prod(v.shape) for v in masks.variable_keys(model).values())


def live_parameters(model: keras.Model) -> int:
    """All weights less those of kernels and embeddings that are exactly 0."""
    variables = masks.variable_keys(model)
    dead = 0
    for key in masks.prunable_keys(model):
        value = masks.values(variables[key])
        dead += value.size - int(np.count_nonzero(value))
    return parameters(model) - dead


def size_bytes(path: Path) -> int:
    """Length of a file."""
    return path.stat().st_size


def gzip_bytes(path: Path, level: int = 6) -> int:
    """Length of a file were it gzipped: what a mask alone saves on the wire.

    Of a file of 512 MiB and more, every eighth MiB is packed, and stands for the others.
    """
    packer = zlib.compressobj(level, zlib.DEFLATED, _GZIP)
    size, packed, read = path.stat().st_size, 0, 0
    step = 8 if size >= _LARGE_BYTES else 1
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            packed += len(packer.compress(chunk))
            read += len(chunk)
            file.seek((step - 1) * _CHUNK_BYTES, os.SEEK_CUR)
    packed += len(packer.flush())
    return packed if step == 1 else round(packed * size / read)
