"""From a dataset file and a model to a Dataset.

    file -> Source (raw arrays) -> Roles (input and output names) -> shapes, labels, splits
         -> canonical form (one file an array, in training order), cached by content and options

The canonical form puts a drawn validation split behind the training examples of the same file, so
that giving it back costs nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prunery.screening import fit, labelling, outputs
from prunery.screening.splits import drawn
from prunery.specs.datasets import DatasetOptions
from prunery.specs.errors import FieldError, PruneryError, of_fields
from prunery.specs.job import EngineLimits
from prunery.specs.models import ModelSummary, TaskKind, TensorInfo
from prunery.specs.recipe import DataOptions
from worker.engine.datasets import canonical, finite, labels, roles, shapes, splitting
from worker.engine.datasets import source as sources
from worker.engine.datasets.canonical import Column, Group
from worker.engine.datasets.dataset import Dataset
from worker.engine.datasets.occurrences import Numbers
from worker.engine.datasets.pixels import image_settings, looks_like_pixels
from worker.engine.datasets.plans import Plan
from worker.engine.datasets.raw import Source, refuse_texts
from worker.engine.datasets.refusals import mismatch


def prepare(
    path: Path,
    filename: str,
    options: DatasetOptions,
    model: ModelSummary,
    data: DataOptions,
    cache_dir: Path | None,
    work_dir: Path,
    *,
    loss: str | None = None,
    labels_needed: bool = True,
    limits: EngineLimits | None = None,
) -> Dataset:
    """Make a dataset ready for one model.

    `loss` is the recipe's, where it names one; else the model's own decides how labels arrive.
    Without `labels_needed`, data without labels pass (a job that doesn't train).
    Raises `dataset_mismatch` where they do not fit, naming array, expected and found.
    """
    limits = limits or EngineLimits()
    digest = sources.sha256(path)
    key = canonical.key(digest, filename, options, model, data, loss)
    cached = canonical.load(cache_dir / key, work_dir) if cache_dir is not None else None
    if cached is None:
        work_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="dataset-", dir=work_dir) as folder:
            settings = image_settings(model, data.resize)
            source = sources.read(path, filename, options, Path(folder), limits, **settings)
            if data.resize != "auto" and source.format != "image_folders":
                wrong = FieldError(pointer="/data/resize", message=labelling.ONLY_PHOTOS)
                raise of_fields([wrong])
            made = _Preparation(source, options, model, data, loss).run(digest)
            target = (cache_dir if cache_dir is not None else work_dir) / key
            canonical.save(made, target, limits)
        cached = canonical.load(target, work_dir)
        if cached is None:
            raise PruneryError("internal", "The prepared dataset could not be read back.")
    if labels_needed and not cached.train.y:
        raise _no_labels(model)
    return cached


def _no_labels(model: ModelSummary) -> PruneryError:
    output = model.outputs[0]
    return mismatch(
        output.name,
        f"labels for the output {output.name[:80]!r}",
        "none",
        "Add an array y (y_train), or set training.epochs to 0 to prune without training.",
    )


def _check_lookup(tensor: TensorInfo, array: np.ndarray, low_high: tuple[float, float]) -> None:
    """Raise `dataset_mismatch` for numbers that the table they are looked up in does not have."""
    if tensor.entries is None:
        return
    if beyond := fit.beyond_table(tensor, *low_high):
        hint = "Give all rare words one number, or the model a larger Embedding (input_dim)."
        raise mismatch(tensor.name, *beyond, hint)
    if not Numbers.of({"": array}).whole:
        hint = "The model's Embedding takes the numbers of words or categories."
        raise mismatch(tensor.name, "whole numbers", "fractions", hint)


@dataclass
class _Preparation:
    """One run, from raw arrays to groups of columns ready to be written."""

    source: Source
    options: DatasetOptions
    model: ModelSummary
    data: DataOptions
    loss: str | None

    def run(self, digest: str) -> canonical.Made:
        self.outputs = outputs.of(self.model, self.loss or "auto")
        settled = roles.settle(self.source, self.model, outputs.unasked(self.outputs))
        self.notes = [*self.source.notes, *settled.notes]
        ranges, pixels = self._inputs(settled)
        plans = self._labels(settled)
        first = next(iter(plans.values()), None)
        task = self._task(plans)
        order = self._order(settled, plans)
        groups = [
            self._group(split, parts, settled, plans, ranges, task)
            for split, parts in order.items()
        ]
        return canonical.Made(
            groups=groups,
            task=task,
            labels=first.kind if first else "none",
            sha256=digest,
            format=self.source.format,
            classes=next((plan.classes for plan in plans.values() if plan.classes), None),
            task_of=self._tasks(plans, task),
            labels_of={name: plan.kind for name, plan in plans.items()},
            classes_of={name: plan.classes for name, plan in plans.items() if plan.classes},
            label_mapping=next((plan.mapping for plan in plans.values() if plan.mapping), None),
            notes=list(dict.fromkeys(self.notes)),
            resize=self.source.resize,
            ranges=ranges,
            pixels=pixels,
            drawn=[part for parts in order.values() for part in list(parts)[1:]],
        )

    def _inputs(self, settled: roles.Roles) -> tuple[dict[str, tuple[float, float]], list[str]]:
        """Bring inputs into shape; their ranges over training examples, and which are pixels."""
        ranges: dict[str, tuple[float, float]] = {}
        pixels = []
        for split, arrays in settled.x.items():
            for tensor in self.model.inputs:
                array = arrays[tensor.name]
                if array.dtype.kind == "U":
                    raise refuse_texts(tensor.name)
                arrays[tensor.name], note = shapes.fit(tensor.name, array, tensor.shape)
                if note:
                    self.notes.append(note)
                low_high = finite.check(tensor.name, array)
                _check_lookup(tensor, arrays[tensor.name], low_high)
                if split in ("train", "all"):
                    ranges[tensor.name] = low_high
                    if looks_like_pixels(array, *low_high):
                        pixels.append(tensor.name)
        return ranges, pixels

    def _labels(self, settled: roles.Roles) -> dict[str, Plan]:
        order = ["train", "all", "validation", "test"]
        plans = {}
        for index, output in enumerate(self.outputs):
            tensor = output.info
            arrays = {
                split: settled.y[split][tensor.name]
                for split in order
                if split in settled.y and tensor.name in settled.y[split]
            }
            if not arrays:
                continue
            for array in arrays.values():
                if array.dtype.kind != "U":
                    finite.check(tensor.name, array)
            plan = labels.plan(
                arrays,
                output,
                named=self.source.classes,
                forced=self.data.labels if index == 0 else "auto",
            )
            self.notes.extend(plan.notes)
            plans[tensor.name] = plan
        needed = {*plans, *outputs.unasked(self.outputs)}
        lacking = [tensor.name for tensor in self.model.outputs if tensor.name not in needed]
        if plans and lacking:
            wanted = f"labels for the output {lacking[0][:80]!r}"
            raise mismatch(lacking[0], wanted, "none", "Name an array like it.")
        return plans

    def _task(self, plans: Mapping[str, Plan]) -> TaskKind:
        if plans:
            return next(iter(plans.values())).task
        inputs, outputs = self.model.inputs, self.model.outputs
        if len(inputs) == len(outputs) == 1 and inputs[0].shape == outputs[0].shape:
            return "autoencoder"
        return "unknown"

    def _tasks(self, plans: Mapping[str, Plan], task: TaskKind) -> dict[str, TaskKind]:
        """The task of each output that has something to be held against."""
        if task == "autoencoder":
            return {self.model.outputs[0].name: task}
        return {name: plan.task for name, plan in plans.items()}

    def _order(
        self, settled: roles.Roles, plans: Mapping[str, Plan]
    ) -> dict[str, dict[str, np.ndarray | None]]:
        """By given split: the parts it is drawn into, with their examples (None: all, in order)."""
        given = "train" if "train" in settled.x else "all"
        fractions = drawn(self.options, settled.x)
        count = len(next(iter(settled.x[given].values())))
        rest: dict[str, dict[str, np.ndarray | None]] = {
            name: {name: None} for name in settled.x if name != given
        }
        if not fractions:
            return {given: {"train": None}, **rest}
        strata = next((plan.strata[given] for plan in plans.values() if plan.strata), None)
        parts = splitting.draw(count, fractions, self.options.seed, strata)
        few = splitting.alone(strata)
        if few:
            self.notes.append(f"{few} classes have too few examples to be in every split.")
        return {given: dict(parts), **rest}

    def _group(
        self,
        split: str,
        parts: dict[str, np.ndarray | None],
        settled: roles.Roles,
        plans: Mapping[str, Plan],
        ranges: Mapping[str, tuple[float, float]],
        task: TaskKind,
    ) -> Group:
        columns = []
        for name, array in settled.x[split].items():
            low, high = ranges[name]
            if split not in ("train", "all"):
                found = finite.check(name, array)
                low, high = min(low, found[0]), max(high, found[1])
            dtype = finite.training_dtype(name, array, low, high)
            columns.append(Column("x", name, array, dtype, None))
        for name, plan in plans.items():
            columns.append(Column("y", name, settled.y[split][name], None, plan.convert))
        if task == "autoencoder":
            columns.append(Column("y", self.model.outputs[0].name, None, None, None))
        total = len(columns[0].array) if columns[0].array is not None else 0
        if total == 0:
            raise PruneryError("dataset_invalid", f"The {split} split has no examples.")
        return Group(columns, parts, total)
