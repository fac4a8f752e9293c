"""What training and evaluation see of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from prunery.specs.models import TaskKind
from worker.engine.datasets.scale import NONE, Scale


@dataclass(frozen=True)
class Split:
    """Examples by input and output name; arrays may be memory-mapped, pixels stay uint8."""

    x: dict[str, np.ndarray] = field(default_factory=dict)
    y: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.x.values()))) if self.x else 0

    def take(self, indices: np.ndarray) -> Split:
        """The examples at `indices`, in that order, in memory."""
        return Split(
            {name: np.asarray(array[indices]) for name, array in self.x.items()},
            {name: np.asarray(array[indices]) for name, array in self.y.items()},
        )

    def every_second(self, first: int) -> Split:
        """Every second example from `first` on, as a view: sorted classes stay balanced."""
        return Split(
            {name: array[first::2] for name, array in self.x.items()},
            {name: array[first::2] for name, array in self.y.items()},
        )


@dataclass(frozen=True)
class Dataset:
    """A dataset ready for one model.

    `classes` are names in index order, of the first output that has any. `labels` is the form in
    which `y` arrives: integers (N,), one_hot and multi_label (N, C), values, per_position, none.
    `task` and `labels` are those of the first output; `task_of`, `labels_of` and `classes_of` of
    each that is labelled. Arrays of `y` have the shape that the output's loss takes. `examples`
    counts by split. `ranges` are (minimum, maximum) of each input over training examples; `pixels`
    names the inputs that hold pixels, 0 to 255.
    """

    train: Split
    validation: Split
    test: Split
    task: TaskKind
    labels: str
    sha256: str
    format: str
    classes: tuple[str, ...] | None = None
    task_of: Mapping[str, TaskKind] = field(default_factory=dict)
    labels_of: Mapping[str, str] = field(default_factory=dict)
    classes_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    label_mapping: dict[str, int] | None = None
    notes: tuple[str, ...] = ()
    resize: str | None = None
    scale: Scale = NONE
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    pixels: tuple[str, ...] = ()
    unscaled: tuple[str, ...] = ()
    drawn: tuple[str, ...] = ()
    scratch: Path | None = None
    _whole_train: Split | None = None

    @property
    def examples(self) -> dict[str, int]:
        """Number of examples by split, empty ones left out."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: len(split) for name, split in splits.items() if len(split)}

    @property
    def is_autoencoder(self) -> bool:
        """Tell whether the targets are the inputs themselves."""
        return self.task == "autoencoder"

    def merge_validation_into_train(self) -> Dataset:
        """Give the validation examples that were drawn from train back to it (nothing is chosen).

        Validation that came with the dataset stays apart.
        """
        if "validation" not in self.drawn or self._whole_train is None:
            return self
        return replace(
            self,
            train=self._whole_train,
            validation=Split(),
            _whole_train=None,
            drawn=tuple(name for name in self.drawn if name != "validation"),
        )

    def choose_by_unseen(self) -> Dataset:
        """Every second test example for validation, in place of those drawn from train.

        For a model that came trained: it has most likely seen all of train, so there its figure is
        too kind. The same data where validation or test did not come with the dataset.
        """
        if "validation" not in self.drawn or "test" in self.drawn or len(self.test) < 2:
            return self
        return replace(
            self.merge_validation_into_train(),
            validation=self.test.every_second(0),
            test=self.test.every_second(1),
        )
