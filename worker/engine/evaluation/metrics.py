"""The figure a model is judged by: chosen from recipe, compile configuration or data, with a why.

A metric first boils labels and predictions down to what it needs of each example (`prepare`); the
figure is then a function of those rows alone, so that a bootstrap can draw them again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from prunery.specs.errors import FieldError, PruneryError
from prunery.specs.metrics import FITTING, canonical
from prunery.specs.models import TaskKind
from worker.engine.evaluation import formulas

Rows = tuple[np.ndarray, ...]
Arrays = np.ndarray | Mapping[str, np.ndarray]

# The largest class over the smallest from which plain accuracy misleads.
UNBALANCED = 4.0

_FOOLED = {"accuracy", "top_5_accuracy"}
# What small classes weigh as much in as large ones, by task.
_FAIR: dict[str, str] = {
    "multiclass": "balanced_accuracy",
    "binary": "auc",
    "multilabel": "auc",
    "per_position": "mean_iou",
}

_DEFAULT: dict[str, str] = {
    "multiclass": "accuracy",
    "binary": "accuracy",
    "multilabel": "accuracy",
    "per_position": "accuracy",
    "regression": "mse",
    "autoencoder": "mse",
    "unknown": "mse",
}


@dataclass(frozen=True)
class Metric:
    """One figure. `output` names the output it looks at, None the first; `why` says how it came."""

    name: str
    task: TaskKind
    why: str
    from_logits: bool = False
    output: str | None = None

    @property
    def higher_is_better(self) -> bool:
        return self.name not in ("mse", "mae", "rmse")

    @property
    def is_proportion(self) -> bool:
        """Whether each example is right or wrong, so that the figure is a share of examples."""
        return self.name in ("accuracy", "top_5_accuracy") and self.task in ("multiclass", "binary")

    @property
    def is_mean_of_classes(self) -> bool:
        """Whether the figure is the mean over classes of the share of their examples."""
        return self.name == "balanced_accuracy" and self.task in ("multiclass", "binary")

    @property
    def is_area(self) -> bool:
        """Whether the figure is the area under one ROC curve."""
        return self.name == "auc" and self.task == "binary"

    @property
    def is_mean_of_areas(self) -> bool:
        """Whether the figure is the mean area under the ROC curves of several labels."""
        return self.name == "auc" and self.task == "multilabel"

    @property
    def is_mean(self) -> bool:
        """Whether the figure is the mean of what each example contributes."""
        return self.name in ("accuracy", "top_5_accuracy", "mse", "mae")

    @property
    def is_bounded(self) -> bool:
        """Whether the figure lies between 0 and 1, so that a drop in it is absolute."""
        return self.higher_is_better and self.name != "r2"

    def value(self, y: Arrays, p: Arrays) -> float:
        """The figure over all examples; NaN where there are none."""
        rows = self.prepare(y, p)
        return self.of(rows) if len(rows[0]) else float("nan")

    def better(self, a: float, b: float) -> bool:
        """Whether `a` beats `b`; NaN beats nothing, and is beaten by any number."""
        if np.isnan(a) or np.isnan(b):
            return not np.isnan(a)
        return a > b if self.higher_is_better else a < b

    def prepare(self, y: Arrays, p: Arrays) -> Rows:
        """What the figure needs of each example, first axis examples."""
        labels, outputs = self.pair(y, p)
        return formulas.prepare(self.name, self.task, labels, outputs, self.from_logits)

    def of(self, rows: Rows) -> float:
        """The figure of prepared rows."""
        return formulas.value(self.name, rows)

    def pair(self, y: Arrays, p: Arrays) -> tuple[np.ndarray, np.ndarray]:
        """Labels and predictions of the output looked at: the named, or the model's first."""
        name = self.output or (next(iter(p)) if isinstance(p, Mapping) else None)
        return _named(y, name), _named(p, name)


def choose_metric(
    task: TaskKind,
    compiled: Sequence[str] = (),
    asked: str = "auto",
    counts: Sequence[int] | None = None,
    *,
    loss: Any = None,
    output: str | None = None,
) -> Metric:
    """Choose the metric: as asked, as the data demand, or as the model was compiled.

    compiled: names of the compile configuration's metrics. counts: examples of each class, or
        positions; of several labels those with and without the least balanced one.
    loss: the training loss; tells logits from probabilities, and MAE from MSE.
    Raises `recipe_invalid` where the metric asked for does not fit the task.
    """
    metric = Metric(
        "", task, "", from_logits=bool(getattr(loss, "from_logits", False)), output=output
    )
    fitting = FITTING[task]
    if asked != "auto":
        name = canonical(asked)
        if name not in fitting:
            message = f"Write one of {', '.join(fitting)}, or auto."
            raise PruneryError(
                "recipe_invalid",
                f"The metric {asked!r} does not fit a {task} task.",
                errors=[FieldError(pointer="/training/metric", message=message)],
            )
        return replace(metric, name=name, why="The recipe asks for it.")
    names = [name for name in map(canonical, compiled) if name in fitting]
    if (
        counts is not None and len(counts) <= 5
    ):  # of five classes the right one is always among five
        names = [name for name in names if name != "top_5_accuracy"]
    ratio = imbalance(counts)
    if task in _FAIR and ratio >= UNBALANCED and not set(names[:1]) - _FOOLED:
        return replace(metric, name=_FAIR[task], why=_why_not_accuracy(task, ratio))
    if names:
        return replace(metric, name=names[0], why="The model was compiled with it.")
    if task in ("regression", "autoencoder", "unknown") and "absolute" in _loss_name(loss):
        return replace(metric, name="mae", why="The model was trained to make it small.")
    return replace(metric, name=_DEFAULT[task], why=f"The usual one for a {task} task.")


def _why_not_accuracy(task: TaskKind, ratio: float) -> str:
    if task == "multilabel":
        return (
            f"One label has one answer {ratio:.0f} times as often as the other: plain accuracy "
            "would reward never giving the rare one."
        )
    if task == "per_position":
        return (
            f"The largest class has {ratio:.0f} times as many positions as the smallest: "
            "plain accuracy would reward ignoring the small ones."
        )
    return (
        f"The largest class has {ratio:.0f} times as many examples as the smallest: "
        "plain accuracy would reward ignoring the small ones."
    )


def baseline(metric: Metric, y: Arrays) -> float:
    """The figure of a model that knows nothing but the labels: majority class, mean or median."""
    return formulas.baseline(metric.name, metric.task, _named(y, metric.output))


def imbalance(counts: Sequence[int] | None) -> float:
    """Examples of the largest class over those of the smallest that has any; 1 if unknown."""
    present = [count for count in counts or () if count > 0]
    return max(present) / min(present) if len(present) > 1 else 1.0


def _named(arrays: Arrays, name: str | None) -> np.ndarray:
    if not isinstance(arrays, Mapping):
        return np.asarray(arrays)
    first = next(iter(arrays))
    return np.asarray(arrays.get(name or first, arrays[first]))


def _loss_name(loss: Any) -> str:
    return str(loss if isinstance(loss, str) else getattr(loss, "name", loss) or "").lower()
