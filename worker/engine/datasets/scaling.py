"""A dataset under another input scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from prunery.specs.errors import FieldError, of_fields
from worker.engine.datasets.chunks import chunks
from worker.engine.datasets.dataset import Dataset, Split
from worker.engine.datasets.scale import FAMILIES, Scale, make, span

_IN_MEMORY_BYTES = 256 * 2**20


def pictures(dataset: Dataset) -> list[str]:
    """Inputs that are pictures of three channels, the last axis."""
    return [key for key, x in dataset.train.x.items() if x.ndim == 4 and x.shape[-1] == 3]


def with_scale(dataset: Dataset, name: str) -> Dataset:
    """The same data under another input scaling: none, 0..1, -1..1, caffe, torch.

    Where the scaling cannot be one multiplication for everything that is fed (an autoencoder's
    targets, inputs that are not pixels beside inputs that are), arrays are scaled here.
    """
    if dataset.scale.name == name:
        return dataset
    if dataset.scale.name != "none":
        raise ValueError(f"already scaled to {dataset.scale.name}")
    inputs = [key for key in dataset.train.x if key not in dataset.unscaled]
    if dataset.pixels and len(dataset.pixels) < len(inputs):
        inputs = list(dataset.pixels)
    if name in FAMILIES:
        inputs = [key for key in inputs if key in pictures(dataset)]
        if not inputs:
            _refuse_family(name)
    scales = {
        key: make(name, *span(*dataset.ranges[key], pixels=key in dataset.pixels)) for key in inputs
    }
    alike = len(set(scales.values())) == 1 and len(inputs) == len(dataset.train.x)
    if alike and not dataset.is_autoencoder:
        return replace(dataset, scale=next(iter(scales.values())))
    return _materialised(dataset, name, scales)


def _refuse_family(name: str) -> None:
    message = f'{name!r} is for pictures of three colours: write "none", "0..1" or "-1..1".'
    raise of_fields([FieldError(pointer="/data/scale", message=message)])


def _materialised(dataset: Dataset, name: str, scales: Mapping[str, Scale]) -> Dataset:
    def scaled(split: Split, label: str) -> Split:
        x = {
            key: _scaled(array, scales[key], dataset.scratch, f"{label}-{index}")
            if key in scales
            else array
            for index, (key, array) in enumerate(split.x.items())
        }
        y = dict(zip(split.y, x.values(), strict=True)) if dataset.is_autoencoder else split.y
        return replace(split, x=x, y=y)

    whole = dataset._whole_train
    train, validation = scaled(dataset.train, "train"), scaled(dataset.validation, "validation")
    return replace(
        dataset,
        train=train,
        validation=validation,
        test=scaled(dataset.test, "test"),
        scale=Scale(name),
        _whole_train=None if whole is None else scaled(whole, "whole"),
    )


def _scaled(array: np.ndarray, scale: Scale, scratch: Path | None, label: str) -> np.ndarray:
    large = array.size * 4 > _IN_MEMORY_BYTES and scratch is not None
    out: np.ndarray
    if large and scratch is not None:
        out = np.lib.format.open_memmap(
            scratch / f"scaled-{label}.npy", mode="w+", dtype=np.float32, shape=array.shape
        )
    else:
        out = np.empty(array.shape, np.float32)
    for rows in chunks(array):
        part = array[rows].astype(np.float32)
        part = part[..., ::-1] if scale.turns else part
        factor, offset = (np.asarray(v, np.float32) for v in (scale.multiplier, scale.offset))
        out[rows] = part * factor + offset
    return out
