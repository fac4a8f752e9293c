"""Kind by kind: what was right before and after, and what was taken for what, of every output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from prunery.reports.charts import confusion
from prunery.reports.language import Language
from prunery.reports.numbers import Numbers
from prunery.specs.report import ClassFigures, Comparison, Report, Task

LARGEST_CHANGES = 20


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
class Kinds:
    """Those of one output; `output` is empty where the model has but one."""

    output: str
    worst: str
    classes: tuple[ClassRow, ...]
    matrix: Markup
    confusions: tuple[Confusion, ...]


def tell(report: Report, language: Language) -> tuple[Kinds, ...]:
    """Of every output that tells kinds apart; none where no output does."""
    outputs = [(one.name, one.task, one.comparison) for one in report.outputs]
    found = outputs or [("", report.task, report.comparison)]
    return tuple(
        _kinds(place, name, task, comparison, language)
        for place, (name, task, comparison) in enumerate(found)
        if comparison.per_class
    )


def _kinds(
    place: int, output: str, task: Task, comparison: Comparison, language: Language
) -> Kinds:
    change, numbers = comparison.confusion_change, Numbers(language)
    labels = _labels(task, comparison)
    return Kinds(
        output=output,
        worst=worst(comparison, language),
        classes=tuple(_class_row(row, numbers) for row in comparison.per_class),
        matrix=_matrix(f"confusion-{place}", labels, change, language) if change else Markup(""),
        confusions=_largest(labels, change, numbers) if change else (),
    )


def _class_row(row: ClassFigures, numbers: Numbers) -> ClassRow:
    return ClassRow(
        row.name,
        numbers.integer(row.examples),
        numbers.percent(row.dense),
        numbers.percent(row.compact),
        numbers.signed((row.compact - row.dense) * 100, 1),
    )


def worst(comparison: Comparison, language: Language) -> str:
    """The kind that lost most, counted in examples."""
    if not comparison.per_class:
        return ""
    found = max(comparison.per_class, key=lambda row: (row.dense - row.compact) * row.examples)
    lost = round((found.dense - found.compact) * found.examples)
    if lost < 1:
        return language.gettext("No kind has fewer right answers than before.")
    return language.ngettext(
        "Most affected: “%(name)s”, with %(count)s right answer fewer of %(examples)s.",
        "Most affected: “%(name)s”, with %(count)s right answers fewer of %(examples)s.",
        lost,
        name=found.name,
        examples=Numbers(language).integer(found.examples),
    )


def _labels(task: Task, comparison: Comparison) -> list[str]:
    count = len(comparison.confusion_change or ())
    named = [row.name for row in comparison.per_class]
    if len(named) == count:
        return named
    classes = list(task.classes or ())
    return classes if len(classes) == count else [str(index) for index in range(count)]


def _matrix(
    key: str, labels: list[str], change: Sequence[Sequence[int]], language: Language
) -> Markup:
    changed = any(value for row in change for value in row)
    if not changed or not 2 <= len(labels) <= confusion.LARGEST:
        return Markup("")
    numbers = Numbers(language)
    top = _largest(labels, change, numbers)[:3]
    finding = "; ".join(f"{one.truth} → {one.answer}: {one.change}" for one in top)
    return confusion.draw(
        key,
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
