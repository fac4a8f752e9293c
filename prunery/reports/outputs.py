"""Of a model with several outputs, what each lost and what it was allowed to."""

from __future__ import annotations

from dataclasses import dataclass

from prunery.reports.facts import allowed, change_in_words
from prunery.reports.language import Language
from prunery.reports.measures import Measure, is_finite, measure_of
from prunery.specs.report import Comparison, OutputFigures, Report


@dataclass(frozen=True)
class Output:
    """One row; `allowed` is a dash where there was no limit."""

    name: str
    measure: str
    before: str
    after: str
    change: str
    allowed: str


def tell(report: Report, language: Language) -> tuple[Output, ...]:
    """Every output as a row; none where the model has but one."""
    return tuple(_row(report, one, language) for one in report.outputs)


def is_over(comparison: Comparison, measure: Measure) -> bool:
    """Whether more was lost than was allowed."""
    limit, difference = comparison.allowed_drop, comparison.difference
    return limit is not None and difference is not None and -measure.gain(difference.value) > limit


def names_over(report: Report, language: Language) -> tuple[str, ...]:
    """The same of a model with several outputs: of which ones."""
    return tuple(
        one.name
        for one in report.outputs
        if is_over(one.comparison, measure_of(report, one.task, language))
    )


def _row(report: Report, one: OutputFigures, language: Language) -> Output:
    measure, found = measure_of(report, one.task, language), one.comparison
    difference = found.difference
    return Output(
        one.name,
        measure.name,
        measure.show(one.dense.value),
        measure.show(one.compact.value),
        change_in_words(difference, measure, language)
        if difference is not None and is_finite(difference)
        else "–",
        allowed(report, one.task, found, measure) if found.allowed_drop is not None else "–",
    )
