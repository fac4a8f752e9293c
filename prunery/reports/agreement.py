"""Where the answers before and after differ: four counts, and the kind that lost most."""

from __future__ import annotations

from dataclasses import dataclass

from prunery.reports.kinds import worst
from prunery.reports.language import Language
from prunery.reports.measures import Measure
from prunery.reports.numbers import Numbers
from prunery.specs.report import Report


@dataclass(frozen=True)
class Square:
    """One of the four counts; `css` is its voice."""

    name: str
    count: str
    css: str


@dataclass(frozen=True)
class Agreement:
    """`worst` is empty where kinds were not told apart."""

    squares: tuple[Square, ...]
    worst: str
    examples: str


def tell(report: Report, measure: Measure, language: Language) -> Agreement | None:
    """None for tasks without right and wrong answers."""
    comparison, numbers = report.comparison, Numbers(language)
    counts = (
        comparison.both_right,
        comparison.only_dense_right,
        comparison.only_compact_right,
        comparison.neither_right,
    )
    if any(count is None for count in counts):
        return None
    names = (
        (language.gettext("Both right"), ""),
        (language.gettext("Right before, wrong now"), "lost"),
        (language.gettext("Wrong before, right now"), "won"),
        (language.gettext("Both wrong"), ""),
    )
    squares = tuple(
        Square(name, numbers.integer(count or 0), css)
        for (name, css), count in zip(names, counts, strict=True)
    )
    return Agreement(squares, worst(comparison, language), numbers.integer(measure.examples))
