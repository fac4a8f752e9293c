"""Input scaling: one multiplication and one addition, done per batch inside the training loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from prunery.specs.errors import FieldError, PruneryError, of_fields

if TYPE_CHECKING:
    from worker.engine.datasets.dataset import Dataset, Split

USUAL = ("none", "0..1", "-1..1")
# As `keras.applications` has them, of pictures in red, green and blue: VGG and ResNet expect
# "caffe", DenseNet and most that were born elsewhere "torch".
FAMILIES = ("caffe", "torch")
_TARGETS = {"0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0)}
_MEAN_BLUE_FIRST = (103.939, 116.779, 123.68)
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CHUNK_BYTES = 64 * 2**20
_IN_MEMORY_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Scale:
    """Every input becomes float32 `x * multiplier + offset`, unless it is the identity.

    Both are numbers, or one of each channel; `turns` puts the channels in reverse order before.
    """

    name: str = "none"
    multiplier: float | tuple[float, ...] = 1.0
    offset: float | tuple[float, ...] = 0.0
    turns: bool = False

    @property
    def is_identity(self) -> bool:
        """Tell whether inputs pass as they are."""
        return self.multiplier == 1.0 and self.offset == 0.0


NONE = Scale()


def span(low: float, high: float, *, pixels: bool) -> tuple[float, float]:
    """The range that values are understood to come from, given what occurs."""
    if pixels:
        return 0.0, 255.0
    if low >= 0.0 and high <= 1.0:
        return 0.0, 1.0
    if low >= -1.0 and high <= 1.0:
        return -1.0, 1.0
    return (low, high) if high > low else (low, low + 1.0)


def make(name: str, low: float, high: float) -> Scale:
    """The scale called `name` for values from `low` to `high`."""
    if name == "caffe":
        unit = 255.0 / (high - low)
        return Scale(name, unit, tuple(-low * unit - mean for mean in _MEAN_BLUE_FIRST), turns=True)
    if name == "torch":
        spans = [(high - low) * spread for spread in _SPREAD]
        offsets = [-low / s - m / p for s, m, p in zip(spans, _MEAN, _SPREAD, strict=True)]
        return Scale(name, tuple(1.0 / span for span in spans), tuple(offsets))
    if name not in _TARGETS:
        raise PruneryError("recipe_invalid", f"There is no scaling named {name[:40]!r}.")
    bottom, top = _TARGETS[name]
    multiplier = (top - bottom) / (high - low)
    return Scale(name, multiplier, bottom - low * multiplier)


def pictures(dataset: Dataset) -> list[str]:
    """Inputs that are pictures of three channels, the last axis."""
    return [key for key, x in dataset.train.x.items() if x.ndim == 4 and x.shape[-1] == 3]


def apply(dataset: Dataset, name: str) -> Dataset:
    """The dataset under a scaling; see `Dataset.with_scale`."""
    if name == "none":
        return dataset
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


def chunks(array: np.ndarray) -> Iterable[slice]:
    """Slices of examples small enough to hold in memory."""
    per_example = max(1, array.nbytes // max(1, len(array)))
    step = max(1, _CHUNK_BYTES // per_example)
    return (slice(start, start + step) for start in range(0, len(array), step))
