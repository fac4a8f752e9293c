"""How a metric is spoken of: as right answers, as a score, or as an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from prunery.reports.language import Language
from prunery.reports.numbers import Numbers
from prunery.specs.report import Report

Kind = Literal["answers", "score", "error"]

FINE_EXAMPLES = 5_000
"""From here on a second decimal of a percentage means something."""


@dataclass(frozen=True)
class Measure:
    """A metric with its words. `examples`: how many test examples stand behind it."""

    kind: Kind
    name: str
    higher_is_better: bool
    examples: int
    numbers: Numbers

    def show(self, value: float) -> str:
        """The figure itself: a percentage of right answers, else a number."""
        if self.kind == "answers":
            return self.numbers.percent(value, self.decimals)
        return self.numbers.significant(value)

    def show_tick(self, value: float) -> str:
        """The figure on an axis, as short as it can be."""
        if self.kind == "answers":
            whole = abs(value * 100 - round(value * 100)) < 1e-6
            return self.numbers.percent(value, 0 if whole else 1)
        return self.numbers.significant(value)

    def show_change(self, value: float) -> str:
        """A difference without its sign: points of a percentage, else a number."""
        if self.kind == "answers":
            return self.numbers.points(value, self.decimals)
        return self.numbers.significant(abs(value))

    @property
    def decimals(self) -> int:
        """Decimals of a percentage that the examples can carry."""
        return 2 if self.examples >= FINE_EXAMPLES else 1

    def gain(self, difference: float) -> float:
        """A difference with its sign turned so that more is better."""
        return difference if self.higher_is_better else -difference


def measure(report: Report, language: Language) -> Measure:
    """The words for the metric that the report is about."""
    task, name = report.task, report.task.metric or "metric"
    examples = report.data.examples.get("test", 0)
    if task.metric_higher_is_better:
        kind: Kind = "answers" if _counts_right_answers(name) else "score"
    else:
        kind = "error"
    return Measure(
        kind, _name(name, language), task.metric_higher_is_better, examples, Numbers(language)
    )


def _counts_right_answers(name: str) -> bool:
    return "accuracy" in name and "balanced" not in name


def _name(name: str, language: Language) -> str:
    names = {
        "balanced_accuracy": language.gettext("Right answers, averaged over kinds"),
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
