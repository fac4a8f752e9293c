"""Where the answers before and after differ: four counts, each kind, and the confusions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from prunery.reports.charts import confusion
from prunery.reports.language import Language
from prunery.reports.measures import Measure
from prunery.reports.numbers import Numbers
from prunery.specs.report import ClassFigures, Report

LARGEST_CHANGES = 20


@dataclass(frozen=True)
class Square:
    """One of the four counts; `css` is its voice."""

    name: str
    count: str
    css: str


@dataclass(frozen=True)
class ClassRow:
    """One kind of answer, before and after."""

    name: str
    examples: str
    before: str
    after: str
    change: str


@dataclass(frozen=True)
class Confusion:
    """`change` more (or fewer) examples of `truth` were taken for `answer`."""

    truth: str
    answer: str
    change: str


@dataclass(frozen=True)
class Agreement:
    """All of it; empty parts were not measured."""

    squares: tuple[Square, ...]
    worst: str
    classes: tuple[ClassRow, ...]
    matrix: Markup
    confusions: tuple[Confusion, ...]
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
    change = comparison.confusion_change
    labels = _labels(report, change)
    return Agreement(
        squares=squares,
        worst=_worst(comparison.per_class, language),
        classes=tuple(_class_row(row, numbers) for row in comparison.per_class),
        matrix=_matrix(labels, change, language) if change else Markup(""),
        confusions=_largest(labels, change, numbers) if change else (),
        examples=numbers.integer(measure.examples),
    )


def _class_row(row: ClassFigures, numbers: Numbers) -> ClassRow:
    return ClassRow(
        row.name,
        numbers.integer(row.examples),
        numbers.percent(row.dense),
        numbers.percent(row.compact),
        numbers.signed((row.compact - row.dense) * 100, 1),
    )


def _worst(classes: Sequence[ClassFigures], language: Language) -> str:
    """The kind that lost most, counted in examples."""
    if not classes:
        return ""
    worst = max(classes, key=lambda row: (row.dense - row.compact) * row.examples)
    lost = round((worst.dense - worst.compact) * worst.examples)
    if lost < 1:
        return language.gettext("No kind has fewer right answers than before.")
    return language.ngettext(
        "Most affected: “%(name)s”, with %(count)s right answer fewer of %(examples)s.",
        "Most affected: “%(name)s”, with %(count)s right answers fewer of %(examples)s.",
        lost,
        name=worst.name,
        examples=Numbers(language).integer(worst.examples),
    )


def _labels(report: Report, change: Sequence[Sequence[int]] | None) -> list[str]:
    count = len(change or ())
    named = [row.name for row in report.comparison.per_class]
    if len(named) == count:
        return named
    classes = list(report.task.classes or ())
    return classes if len(classes) == count else [str(index) for index in range(count)]


def _matrix(labels: list[str], change: Sequence[Sequence[int]], language: Language) -> Markup:
    changed = any(value for row in change for value in row)
    if not changed or not 2 <= len(labels) <= confusion.LARGEST:
        return Markup("")
    numbers = Numbers(language)
    top = _largest(labels, change, numbers)[:3]
    finding = "; ".join(f"{one.truth} → {one.answer}: {one.change}" for one in top)
    return confusion.draw(
        labels,
        change,
        title=language.gettext("Change in what was taken for what, after minus before"),
        description=finding,
        signed=lambda value: numbers.signed(value),
        row_caption=language.pgettext("matrix", "right answer"),
        column_caption=language.pgettext("matrix", "model’s answer"),
    )


def _largest(
    labels: list[str], change: Sequence[Sequence[int]], numbers: Numbers
) -> tuple[Confusion, ...]:
    """The largest changes among wrong answers, most first."""
    cells = [
        (value, row, column)
        for row, values in enumerate(change)
        for column, value in enumerate(values)
        if row != column and value
    ]
    cells.sort(key=lambda cell: (-abs(cell[0]), cell[1], cell[2]))
    return tuple(
        Confusion(labels[row], labels[column], numbers.signed(value))
        for value, row, column in cells[:LARGEST_CHANGES]
    )
