"""The canonical form of a prepared dataset: one .npy file an array and split, and meta.json.

A folder is complete when it is there: it is written beside its place and renamed. Its name is a
digest of everything that went into it, so that it never needs to be refreshed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from prunery.specs.datasets import DatasetOptions
from prunery.specs.errors import PruneryError
from prunery.specs.job import EngineLimits
from prunery.specs.models import ModelSummary, TaskKind
from prunery.specs.recipe import DataOptions
from worker.engine.datasets.dataset import Dataset, Split

FORMAT = 3
META = "meta.json"
_BLOCK_BYTES = 32 * 2**20
# Smaller sets are held in memory; larger ones stay mapped, and the system keeps what fits.
_IN_MEMORY_BYTES = 512 * 2**20


@dataclass(frozen=True)
class Column:
    """An array to be written: of an input (x) or output (y); `array` None repeats the first x."""

    side: str
    name: str
    array: np.ndarray | None
    dtype: np.dtype | None
    convert: Callable[[np.ndarray], np.ndarray] | None


@dataclass(frozen=True)
class Group:
    """Arrays of one given split and the parts it is drawn into: examples, or None for all."""

    columns: list[Column]
    parts: dict[str, np.ndarray | None]
    total: int


@dataclass
class Made:
    """Everything about a prepared dataset but its place on disk."""

    groups: list[Group]
    task: TaskKind
    labels: str
    sha256: str
    format: str
    classes: tuple[str, ...] | None
    task_of: dict[str, TaskKind]
    labels_of: dict[str, str]
    classes_of: dict[str, tuple[str, ...]]
    label_mapping: dict[str, int] | None
    notes: list[str]
    resize: str | None
    ranges: dict[str, tuple[float, float]]
    pixels: list[str]
    drawn: list[str] = field(default_factory=list)


def key(
    digest: str,
    filename: str,
    options: DatasetOptions,
    model: ModelSummary,
    data: DataOptions,
    loss: str | None,
) -> str:
    """Name of the folder for this content, these options and this kind of model."""
    parts = {
        "format": FORMAT,
        "sha256": digest,
        "suffix": Path(filename).suffix.lower(),
        "options": options.model_dump(mode="json"),
        "ends": [t.model_dump(mode="json") for t in (*model.inputs, *model.outputs)],
        "loss": loss or (model.compiled.loss if model.compiled else None),
        "resize": data.resize,
        "labels": data.labels,
    }
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def save(made: Made, target: Path, limits: EngineLimits) -> None:
    """Write the arrays in training order, then put the folder in its place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".making-", dir=target.parent))
    try:
        groups = [_write_group(group, folder, index) for index, group in enumerate(made.groups)]
        written = sum(path.stat().st_size for path in folder.iterdir())
        if written > 4 * limits.dataset_bytes:
            raise PruneryError("dataset_too_large", f"Prepared, it takes {written:,} bytes.")
        meta: dict[str, Any] = {
            name: value for name, value in vars(made).items() if name != "groups"
        }
        (folder / META).write_text(json.dumps({"format_version": FORMAT, "groups": groups, **meta}))
        try:
            folder.rename(target)
        except OSError:
            # Another job made the same folder meanwhile, and theirs is as good.
            if not (target / META).exists():
                raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_group(group: Group, folder: Path, index: int) -> dict[str, Any]:
    chosen = [part for part in group.parts.values() if part is not None]
    order = np.concatenate(chosen) if chosen else None
    files: list[dict[str, str]] = []
    for number, column in enumerate(group.columns):
        if column.array is None:
            files.append({"side": column.side, "name": column.name, "file": files[0]["file"]})
            continue
        file = f"{column.side}{index}-{number}.npy"
        _write(column, column.array, order, folder / file)
        files.append({"side": column.side, "name": column.name, "file": file})
    parts = {name: group.total if part is None else len(part) for name, part in group.parts.items()}
    return {"columns": files, "parts": parts}


def _write(column: Column, array: np.ndarray, order: np.ndarray | None, path: Path) -> None:
    count = len(array) if order is None else len(order)
    step = max(1, _BLOCK_BYTES // max(1, array.nbytes // max(1, len(array))))
    out: np.memmap | None = None
    for start in range(0, count, step):
        rows = slice(start, start + step) if order is None else order[start : start + step]
        block = np.asarray(array[rows])
        if column.convert is not None:
            block = column.convert(block)
        if out is None:
            dtype = column.dtype if column.dtype is not None else block.dtype
            out = np.lib.format.open_memmap(
                path, mode="w+", dtype=dtype, shape=(count, *block.shape[1:])
            )
        out[start : start + len(block)] = block
    if out is not None:
        out.flush()


def load(folder: Path, scratch: Path) -> Dataset | None:
    """Read a prepared dataset; None where there is none."""
    if not (folder / META).exists():
        return None
    meta = json.loads((folder / META).read_text())
    total = sum(path.stat().st_size for path in folder.glob("*.npy"))
    mode: Literal["r"] | None = None if total <= _IN_MEMORY_BYTES else "r"
    splits: dict[str, Split] = {}
    whole = None
    for group in meta["groups"]:
        files = {column["file"] for column in group["columns"]}
        arrays = {
            file: np.load(folder / file, mmap_mode=mode, allow_pickle=False) for file in files
        }
        at = 0
        for part, count in group["parts"].items():
            splits[part] = _split(group, arrays, at, at + count)
            at += count
        if list(group["parts"])[:2] == ["train", "validation"]:
            counts = list(group["parts"].values())
            whole = _split(group, arrays, 0, counts[0] + counts[1])
    return Dataset(
        train=splits["train"],
        validation=splits.get("validation", Split()),
        test=splits.get("test", Split()),
        task=meta["task"],
        labels=meta["labels"],
        sha256=meta["sha256"],
        format=meta["format"],
        classes=None if meta["classes"] is None else tuple(meta["classes"]),
        task_of=meta["task_of"],
        labels_of=meta["labels_of"],
        classes_of={name: tuple(found) for name, found in meta["classes_of"].items()},
        label_mapping=meta["label_mapping"],
        notes=tuple(meta["notes"]),
        resize=meta["resize"],
        ranges={name: (low, high) for name, (low, high) in meta["ranges"].items()},
        pixels=tuple(meta["pixels"]),
        drawn=tuple(meta["drawn"]),
        scratch=scratch,
        _whole_train=whole,
    )


def _split(group: dict[str, Any], arrays: dict[str, np.ndarray], start: int, stop: int) -> Split:
    sides: dict[str, dict[str, np.ndarray]] = {"x": {}, "y": {}}
    for column in group["columns"]:
        sides[column["side"]][column["name"]] = arrays[column["file"]][start:stop]
    return Split(sides["x"], sides["y"])
