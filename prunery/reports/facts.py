"""The table before and after: four rows that a shop owner can read aloud."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from prunery.reports.charts import interval
from prunery.reports.headline import speed_ratio
from prunery.reports.language import Language
from prunery.reports.measures import Measure, is_finite
from prunery.reports.numbers import Numbers
from prunery.specs.report import TOLD_AS_TIMES, Comparison, Interval, Report, Task

NO_CHART = Markup("")


@dataclass(frozen=True)
class Fact:
    """One row. `chart` is decoration; `aside` is what it shows, for those who do not see it."""

    name: str
    detail: str
    before: str
    after: str
    meaning: str
    more: str = ""
    chart: Markup = NO_CHART
    aside: str = ""


def rows(report: Report, measure: Measure, language: Language) -> tuple[Fact, ...]:
    """What was measured, in the order people ask for it."""
    return tuple(_rows(report, measure, language))


def _rows(report: Report, measure: Measure, language: Language) -> Iterator[Fact]:
    dense, compact = report.dense, report.compact
    if dense.metric is not None and compact.metric is not None:
        yield _metric(report, dense.metric, compact.metric, measure, language)
    yield _size(report, language)
    if dense.flops and compact.flops:
        yield _work(dense.flops, compact.flops, language)
    if speed_ratio(report) is not None:
        yield _speed(report, language)


def _metric(
    report: Report, dense: Interval, compact: Interval, measure: Measure, language: Language
) -> Fact:
    detail = _of_examples(measure, language)
    difference = report.comparison.difference
    before, after = measure.show(dense.value), measure.show(compact.value)
    if difference is None or not is_finite(difference):
        meaning = language.gettext("How sure the difference is was not measured.")
        return Fact(measure.name, detail, before, after, meaning)
    limit = report.comparison.allowed_drop
    aside = ""
    if limit is not None:
        aside = language.gettext(
            "You allowed a loss of %(amount)s.",
            amount=allowed(report, report.task, report.comparison, measure),
        )
    gains = sorted(measure.gain(edge) for edge in (difference.low, difference.high))
    chart = interval.draw(
        interval.Change(
            value=measure.gain(difference.value),
            low=gains[0],
            high=gains[1],
            limit=None if limit is None else -limit,
            limit_label=language.pgettext("chart", "limit"),
            zero_label=language.pgettext("chart", "no change"),
        )
    )
    meaning = change_in_words(difference, measure, language)
    return Fact(measure.name, detail, before, after, meaning, aside, chart, aside)


def _of_examples(measure: Measure, language: Language) -> str:
    number, count = measure.numbers.integer(measure.examples), measure.examples
    if measure.split == "validation":
        return language.ngettext(
            "of the %(number)s example used for choosing",
            "of the %(number)s examples used for choosing",
            count,
            number=number,
        )
    if measure.split == "train":
        return language.ngettext(
            "of the %(number)s training example",
            "of the %(number)s training examples",
            count,
            number=number,
        )
    if measure.seen:
        return language.ngettext(
            "of %(number)s test example", "of %(number)s test examples", count, number=number
        )
    return language.ngettext(
        "of %(number)s unseen example", "of %(number)s unseen examples", count, number=number
    )


def change_in_words(difference: Interval, measure: Measure, language: Language) -> str:
    """'0.3 points fewer; with 95% certainty between 0.8 points fewer and 0.2 points more'."""
    if difference.value == difference.low == difference.high == 0:
        return language.gettext("no change at all")
    ends = sorted((difference.low, difference.high), key=measure.gain)
    return language.gettext(
        "%(change)s; with 95%% certainty between %(low)s and %(high)s",
        change=_signed(difference.value, measure, language),
        low=_signed(ends[0], measure, language),
        high=_signed(ends[1], measure, language),
    )


def _signed(value: float, measure: Measure, language: Language) -> str:
    amount = measure.show_change(value)
    if float(abs(value)) < 1e-12:
        return language.gettext("no change")
    if value < 0:
        return language.gettext("%(amount)s lower", amount=amount)
    return language.gettext("%(amount)s higher", amount=amount)


def _size(report: Report, language: Language) -> Fact:
    numbers, dense, compact = Numbers(language), report.dense, report.compact
    ratio = dense.size_bytes / max(compact.size_bytes, 1)
    if dense.size_bytes == compact.size_bytes:
        meaning = language.gettext("unchanged")
    elif ratio >= 1.01:
        meaning = language.gettext("%(times)s smaller", times=numbers.times(ratio))
    elif ratio > 0.99:
        meaning = language.gettext("hardly any smaller as a file")
    else:
        meaning = language.gettext("%(times)s larger", times=numbers.times(1 / ratio))
    more = language.gettext(
        "%(before)s numbers inside became %(after)s",
        before=numbers.integer(dense.parameters),
        after=numbers.integer(compact.parameters),
    )
    if compact.live_parameters < compact.parameters * 0.98:
        more += language.gettext(
            ", of which %(live)s are not zero", live=numbers.integer(compact.live_parameters)
        )
    before, after = numbers.bytes(dense.size_bytes), numbers.bytes(compact.size_bytes)
    name, detail = (
        language.gettext("File size"),
        language.gettext(".keras file, without the optimizer’s state"),
    )
    return Fact(name, detail, before, after, meaning, more)


def _work(before: int, after: int, language: Language) -> Fact:
    numbers = Numbers(language)
    return Fact(
        language.gettext("Work for one answer"),
        language.gettext("arithmetic operations"),
        numbers.operations(before),
        numbers.operations(after),
        _ratio(before / after, language.gettext("%(times)s less work"), language),
    )


def _speed(report: Report, language: Language) -> Fact:
    numbers = Numbers(language)
    before = next(one for one in report.dense.latency if one.examples == 1)
    after = next(one for one in report.compact.latency if one.examples == 1)
    more = language.gettext(
        "middle of %(runs)s runs; the slowest 5%% took %(slow)s or more",
        runs=numbers.integer(after.runs),
        slow=numbers.milliseconds(after.p95_ms),
    )
    ratio = before.median_ms / after.median_ms
    return Fact(
        language.gettext("Time for one answer"),
        language.gettext("on this server’s processor"),
        numbers.milliseconds(before.median_ms),
        numbers.milliseconds(after.median_ms),
        _ratio(ratio, language.gettext("%(times)s faster"), language),
        more,
    )


def _ratio(ratio: float, words: str, language: Language) -> str:
    if ratio == 1:
        return language.gettext("unchanged")
    if ratio < TOLD_AS_TIMES:
        return language.gettext("hardly any gain") if ratio > 0.9 else language.gettext("no gain")
    return words % {"times": Numbers(language).times(ratio, 2)}


def allowed(report: Report, task: Task, comparison: Comparison, measure: Measure) -> str:
    """The limit as it was set: points of a percentage, or a share of the error before."""
    asked = report.method.recipe.objective.max_metric_drop
    if task.drop_is_relative and asked is not None:
        return measure.numbers.percent(asked)
    return measure.show_change(comparison.allowed_drop or 0.0)
