"""How a metric is spoken of: right answers, another share, a score, or an error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from prunery.reports.language import Language
from prunery.reports.numbers import Numbers
from prunery.specs.report import Interval, Report, Task

Kind = Literal["answers", "share", "score", "error"]
Split = Literal["test", "validation", "train", "none"]

FINE_EXAMPLES = 5_000
"""From here on a second decimal of a percentage means something."""


@dataclass(frozen=True)
class Measure:
    """A metric with its words. `examples` of `split` stand behind the figures before and after.

    seen: the model before may have been trained on those of the test.
    """

    kind: Kind
    name: str
    higher_is_better: bool
    examples: int
    numbers: Numbers
    split: Split = "test"
    seen: bool = False

    def show(self, value: float) -> str:
        """The figure itself: a percentage of right answers, else a number."""
        if self.in_percent:
            return self.numbers.percent(value, self.decimals)
        return self.numbers.significant(value)

    def show_tick(self, value: float) -> str:
        """The figure on an axis, as short as it can be."""
        if self.in_percent:
            whole = abs(value * 100 - round(value * 100)) < 1e-6
            return self.numbers.percent(value, 0 if whole else 1)
        return self.numbers.short(value)

    def show_change(self, value: float) -> str:
        """A difference without its sign: points of a percentage, else a number."""
        if self.in_percent:
            return self.numbers.points(value, self.decimals)
        return self.numbers.significant(abs(value))

    @property
    def in_percent(self) -> bool:
        """Whether the figure is a share that people read as a percentage."""
        return self.kind in ("answers", "share")

    @property
    def decimals(self) -> int:
        """Decimals of a percentage that the examples can carry."""
        return 2 if self.examples >= FINE_EXAMPLES else 1

    def gain(self, difference: float) -> float:
        """A difference with its sign turned so that more is better."""
        return difference if self.higher_is_better else -difference


def is_finite(interval: Interval | None) -> bool:
    """Whether a figure and its interval can be drawn; a network may have diverged."""
    if interval is None:
        return False
    return all(math.isfinite(value) for value in (interval.value, interval.low, interval.high))


def measure(report: Report, language: Language) -> Measure:
    """The words for the metric that the report is about."""
    return measure_of(report, report.task, language)


def measure_of(report: Report, task: Task, language: Language) -> Measure:
    """The words for the metric of one output."""
    name = task.metric or "metric"
    split, examples = measured_on(report)
    return Measure(
        _kind(name, task.metric_higher_is_better),
        _name(name, language),
        task.metric_higher_is_better,
        examples,
        Numbers(language),
        split,
        report.data.test_seen,
    )


def measured_on(report: Report) -> tuple[Split, int]:
    """Which examples the figures before and after are of: the test's, or the next best."""
    splits: tuple[Split, ...] = ("test", "validation", "train")
    for split in splits:
        if count := report.data.examples.get(split, 0):
            return split, count
    return "none", 0


def _kind(name: str, higher_is_better: bool) -> Kind:
    if not higher_is_better:
        return "error"
    if name in ("balanced_accuracy", "mean_iou"):
        return "share"
    return "answers" if _counts_right_answers(name) else "score"


def _counts_right_answers(name: str) -> bool:
    return "accuracy" in name and "balanced" not in name


def _name(name: str, language: Language) -> str:
    names = {
        "balanced_accuracy": language.gettext("Right answers, averaged over kinds"),
        "top_5_accuracy": language.gettext("Right answers among the first five"),
        "macro_f1": language.gettext("Macro F1"),
        "f1": language.gettext("F1"),
        "auc": language.gettext("Area under the curve"),
        "mean_iou": language.gettext("Mean overlap (IoU)"),
        "r2": language.gettext("R squared"),
        "mae": language.gettext("Mean absolute error"),
        "mean_absolute_error": language.gettext("Mean absolute error"),
        "mse": language.gettext("Mean squared error"),
        "mean_squared_error": language.gettext("Mean squared error"),
        "rmse": language.gettext("Typical error (RMSE)"),
        "root_mean_squared_error": language.gettext("Typical error (RMSE)"),
        "loss": language.gettext("Loss"),
    }
    if name in names:
        return names[name]
    if _counts_right_answers(name):
        return language.gettext("Right answers")
    return name.replace("_", " ")
