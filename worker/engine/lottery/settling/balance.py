"""How many there are of each class: what tells whether plain accuracy can be trusted."""

from __future__ import annotations

from itertools import zip_longest

import numpy as np

from worker.engine.datasets import Dataset
from worker.engine.datasets.chunks import chunks
from worker.engine.evaluation import formulas

# Of positions with more classes, or where no class holds most of them, as with the next character
# of a text, accuracy is as good.
MOST_CLASSES = 100


def counts(dataset: Dataset, output: str) -> list[int] | None:
    """Training examples (or positions) of each class; None where labels are no classes.

    Of several labels, yes or no each, those with and without the least balanced one.
    """
    labels, task = dataset.train.y.get(output), dataset.task_of[output]
    if labels is None or not len(labels):
        return None
    least = len(dataset.classes_of.get(output, ()))
    if task == "per_position":
        return _at_positions(np.asarray(labels))
    if task == "multilabel":
        labels = np.asarray(labels).reshape(len(labels), -1)
        return _least_balanced((labels > 0.5).sum(axis=0), len(labels))
    if task not in ("multiclass", "binary"):
        return None
    labels = np.asarray(labels)
    if labels.ndim > 1 and labels.shape[1] > 1:  # one-hot rows, or a share of each class
        labels, least = labels.argmax(axis=1), labels.shape[1]
    return _numbered(labels, least)


def _at_positions(labels: np.ndarray) -> list[int] | None:
    if formulas.may_overlap(labels):
        axes = tuple(range(labels.ndim - 1))
        yes = sum((labels[rows] > 0.5).sum(axis=axes) for rows in chunks(labels))
        return _least_balanced(np.asarray(yes), labels[..., 0].size)
    width = labels.shape[-1] if labels.dtype.kind == "f" else 0
    parts = [
        _numbered(formulas.true_classes(labels[rows], width, per_position=True), 0)
        for rows in chunks(labels)
    ]
    found = [sum(of_class) for of_class in zip_longest(*parts, fillvalue=0)]
    masks = len(found) <= MOST_CLASSES and max(found) > sum(found) / 2
    return found if masks else None


def _least_balanced(yes: np.ndarray, whole: int) -> list[int]:
    """Those without and with the label that is furthest from half, but for what all share."""
    known = yes[(yes > 0) & (yes < whole)]
    if not len(known):
        return [whole]
    one = int(known[np.abs(known - whole / 2).argmax()])
    return [whole - one, one]


def _numbered(labels: np.ndarray, least: int) -> list[int]:
    numbers = np.rint(labels).astype(np.int64).reshape(-1)
    return [int(n) for n in np.bincount(numbers, minlength=least)]
