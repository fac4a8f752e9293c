"""What can be said of a dataset at upload, before a model is known."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

import numpy as np

from prunery.screening.roles import TARGETS
from prunery.screening.splits import base_and_split, drawn
from prunery.specs.datasets import ArrayInfo, DatasetOptions, DatasetSummary, LabelInfo
from prunery.specs.errors import PruneryError
from prunery.specs.job import EngineLimits
from worker.engine.datasets import finite
from worker.engine.datasets import source as sources
from worker.engine.datasets.chunks import chunks
from worker.engine.datasets.plans import MAX_NAMED_CLASSES
from worker.engine.datasets.raw import Source

Kind = Literal["integers", "strings", "one_hot", "multi_label", "values", "per_position", "none"]


def inspect(
    path: Path, filename: str, options: DatasetOptions, limits: EngineLimits | None = None
) -> DatasetSummary:
    """Read a dataset once, whole, and describe it; raises what `screen_dataset` does, and more."""
    limits = limits or EngineLimits()
    with tempfile.TemporaryDirectory(prefix="inspect-") as folder:
        source = sources.read(path, filename, options, Path(folder), limits, shape=None)
        infos = tuple(_array(name, array) for name, array in source.arrays.items())
        drawn(options, {info.split for info in infos})
        return DatasetSummary(
            format=source.format,
            arrays=infos,
            labels=tuple(_labels(source)),
            examples={info.split: int(info.shape[0] or 0) for info in infos},
            columns=source.columns,
            notes=tuple(source.notes),
        )


def _array(name: str, array: np.ndarray) -> ArrayInfo:
    base, split = base_and_split(name)
    if array.dtype.kind == "U":
        return ArrayInfo(name=base, split=split, shape=array.shape, dtype="string")
    if array.shape[1:] == (0,):
        # Folders of images: their size is settled when they meet a model.
        shape = (len(array), None, None, None)
        return ArrayInfo(name=base, split=split, shape=shape, dtype="uint8", minimum=0, maximum=255)
    low, high = finite.check(name, array)
    return ArrayInfo(
        name=base,
        split=split,
        shape=array.shape,
        dtype=array.dtype.name,
        minimum=low if array.size else None,
        maximum=high if array.size else None,
    )


def _labels(source: Source) -> list[LabelInfo]:
    """Describe arrays that are labels by name, or texts."""
    bases: dict[str, list[np.ndarray]] = {}
    for name, array in source.arrays.items():
        base, _ = base_and_split(name)
        if base in TARGETS or base.startswith("y_") or array.dtype.kind == "U":
            bases.setdefault(base, []).append(array)
    return [_describe(base, arrays, source) for base, arrays in bases.items()]


def _describe(base: str, arrays: list[np.ndarray], source: Source) -> LabelInfo:
    shape = arrays[0].shape[1:]
    if shape not in ((), (1,)):
        return _wide(base, arrays)
    values, counts = np.unique(
        np.concatenate([np.asarray(array).reshape(-1) for array in arrays]), return_counts=True
    )
    if values.dtype.kind == "U":
        _check_classes(base, len(values))
        return LabelInfo(
            array=base,
            kind="strings",
            classes=tuple(str(value) for value in values),
            counts=tuple(int(count) for count in counts),
        )
    low, high = float(values[0]), float(values[-1])
    whole = bool(np.all(values == np.rint(values)))
    if not whole or len(values) > MAX_NAMED_CLASSES:
        return LabelInfo(array=base, kind="values", minimum=low, maximum=high)
    _check_classes(base, len(values))
    names = [str(int(value)) for value in values]
    if source.classes is not None:
        names = [source.classes[int(value)] for value in values]
    return LabelInfo(
        array=base,
        kind="integers",
        classes=tuple(names),
        counts=tuple(int(count) for count in counts),
        minimum=low,
        maximum=high,
    )


def _check_classes(base: str, count: int) -> None:
    if count < 2:
        raise PruneryError(
            "dataset_invalid",
            f"All labels in {base[:80]!r} are the same: nothing to learn.",
            hint="A classifier needs examples of at least two classes.",
        ).at(base)


def _wide(base: str, arrays: list[np.ndarray]) -> LabelInfo:
    """Labels with several numbers an example."""
    low, high, single, sums = np.inf, -np.inf, True, np.zeros(0)
    zero_one = True
    for array in arrays:
        for rows in chunks(array):
            block = np.asarray(array[rows])
            low, high = min(low, float(block.min())), max(high, float(block.max()))
            zero_one = zero_one and bool(np.all((block == 0) | (block == 1)))
            if zero_one and block.ndim == 2:
                single = single and bool(np.all(block.sum(axis=1) == 1))
                column = block.sum(axis=0).astype(np.float64)
                sums = column if sums.size == 0 else sums + column
    if arrays[0].ndim > 2:
        return LabelInfo(array=base, kind="per_position", minimum=low, maximum=high)
    if not zero_one:
        return LabelInfo(array=base, kind="values", minimum=low, maximum=high)
    kind: Kind = "one_hot" if single else "multi_label"
    named = sums.size <= MAX_NAMED_CLASSES
    return LabelInfo(
        array=base,
        kind=kind,
        classes=tuple(str(i) for i in range(sums.size)) if named else None,
        counts=tuple(int(count) for count in sums) if named else None,
        minimum=low,
        maximum=high,
    )
