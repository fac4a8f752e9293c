"""The verdict in plain words: how much smaller, what it costs, and what to make of it.

Losses are counted per 1,000 answers; a gain is never rounded up; "no difference" is said only where
the interval holds zero and the figure rounds to none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from prunery.reports.language import Language
from prunery.reports.measures import Measure, is_finite
from prunery.reports.numbers import Numbers
from prunery.specs.report import TOLD_AS_TIMES, Interval, ModelFigures, Report


@dataclass(frozen=True)
class Headline:
    """`emphasis` is set in the colour of the model after; `good` is False where nothing was won."""

    emphasis: str
    rest: str
    lead: tuple[str, ...]
    good: bool = True

    @property
    def plain(self) -> str:
        """The whole sentence, for titles."""
        return self.emphasis + self.rest


def compose(report: Report, measure: Measure, language: Language) -> Headline:
    """The headline and the sentences under it, for every outcome."""
    outcome = report.verdict.outcome
    if outcome in ("smaller", "over_limit"):
        return _smaller(report, measure, language)
    say = language.gettext
    if outcome == "nothing_within" and len(report.levels) < 2:
        return Headline(
            say("Stopped before a smaller size was done"),
            "",
            (say("You get your own model back, trained on your examples and no smaller."),),
            good=False,
        )
    if outcome == "nothing_within":
        return Headline(
            say("Nothing could go within your limit"),
            "",
            (
                say("Every smaller size that we tried lost more than you allowed."),
                say(
                    "You get your own model back; the curve below shows what each size would cost."
                ),
            ),
            good=False,
        )
    if outcome == "nothing_to_remove":
        return Headline(
            say("There is nothing here that can safely be removed"),
            "",
            (say("Your model comes back unchanged. The reason for each part is below."),),
            good=False,
        )
    return Headline(
        say("The model has not learned from these examples"),
        "",
        (
            say("Before anything was removed, its answers were no better than guessing."),
            say("Most often the answers or the scale of the inputs do not fit the model."),
        ),
        good=False,
    )


def _smaller(report: Report, measure: Measure, language: Language) -> Headline:
    lead = [_sizes(report, language)]
    if report.verdict.outcome == "over_limit":
        lead.insert(0, language.gettext("Your target and your limit could not both be met."))
    elif report.verdict.target_met is False:
        lead.insert(0, language.gettext("The size you asked for could not be reached."))
    lead.append(_tested(report, measure, language))
    return Headline(
        size_gain(report.dense, report.compact, language),
        cost(report, measure, language),
        tuple(lead),
    )


def _tested(report: Report, measure: Measure, language: Language) -> str:
    """On what the answers were compared, and how far that can be trusted."""
    number, count = measure.numbers.integer(measure.examples), measure.examples
    if not is_finite(report.comparison.difference) or measure.split == "none":
        return language.gettext(
            "There were no examples left to test it on, so its answers are untested."
        )
    if measure.split == "test" and measure.seen:
        return language.ngettext(
            "We tested both on %(number)s example; your model may have learned it before.",
            "We tested both on %(number)s examples; your model may have learned them before.",
            count,
            number=number,
        )
    if measure.split == "test":
        return language.ngettext(
            "We tested both on %(number)s example that neither had seen.",
            "We tested both on %(number)s examples that neither had seen.",
            count,
            number=number,
        )
    if measure.split == "validation":
        return language.ngettext(
            "None were kept aside for a test: both were measured on the %(number)s example "
            "that the size was chosen by.",
            "None were kept aside for a test: both were measured on the %(number)s examples "
            "that the size was chosen by.",
            count,
            number=number,
        )
    return language.ngettext(
        "None were kept aside for a test: both were measured on the %(number)s training "
        "example, so expect more mistakes.",
        "None were kept aside for a test: both were measured on the %(number)s training "
        "examples, so expect more mistakes.",
        count,
        number=number,
    )


def size_gain(dense: ModelFigures, compact: ModelFigures, language: Language) -> str:
    """'11 times smaller', rounded down."""
    numbers = Numbers(language)
    ratio = dense.size_bytes / max(compact.size_bytes, 1)
    if ratio >= TOLD_AS_TIMES:
        return language.gettext("%(times)s smaller", times=numbers.times(ratio, 2))
    share = math.floor((1 - 1 / ratio) * 1000) / 1000
    if share > 0:
        return language.gettext("%(percent)s smaller", percent=numbers.percent(share))
    if compact.live_parameters < dense.live_parameters:
        ratio = dense.live_parameters / max(compact.live_parameters, 1)
        return language.gettext(
            "%(times)s fewer live numbers in a file of the same size",
            times=numbers.times(ratio, 2),
        )
    return language.gettext("No smaller")


def cost(report: Report, measure: Measure, language: Language) -> str:
    """', with about 3 more mistakes in 1,000'; empty where nothing was tested."""
    difference = report.comparison.difference
    if difference is None or not is_finite(difference):
        return ""
    if measure.kind == "answers":
        return _mistakes(difference, language)
    gain = measure.gain(difference.value)
    if not _beyond_noise(difference) and (gain > 0 or _is_small(report, difference, measure)):
        return language.gettext(", with no difference we can measure")
    amount = _amount(report, difference, measure)
    if measure.kind == "error":
        if gain < 0:
            return language.gettext(", with an error %(amount)s larger", amount=amount)
        return language.gettext(", with an error %(amount)s smaller", amount=amount)
    if gain < 0:
        return language.gettext(", with a score %(amount)s lower", amount=amount)
    return language.gettext(", with a score %(amount)s higher", amount=amount)


def _mistakes(difference: Interval, language: Language) -> str:
    more = round(-difference.value * 1000, 6)
    sure = _beyond_noise(difference)
    if more >= 0.5:
        count = max(1, math.floor(more + 0.5))
        return language.ngettext(
            ", with about %(count)s more mistake in 1,000",
            ", with about %(count)s more mistakes in 1,000",
            count,
        )
    if not sure:
        return language.gettext(", with no difference we can measure")
    if more <= -1:
        return language.ngettext(
            ", with about %(count)s fewer mistake in 1,000",
            ", with about %(count)s fewer mistakes in 1,000",
            math.floor(-more),
        )
    if more > 0:
        return language.gettext(", with less than 1 more mistake in 1,000")
    return language.gettext(", with less than 1 fewer mistake in 1,000")


def _sizes(report: Report, language: Language) -> str:
    numbers = Numbers(language)
    before, after = numbers.bytes(report.dense.size_bytes), numbers.bytes(report.compact.size_bytes)
    speed = speed_ratio(report)
    if speed is None:
        return language.gettext(
            "Your model went from %(before)s to %(after)s.", before=before, after=after
        )
    if speed >= TOLD_AS_TIMES:
        return language.gettext(
            "Your model went from %(before)s to %(after)s and answers %(times)s faster.",
            before=before,
            after=after,
            times=numbers.times(speed, 2),
        )
    return language.gettext(
        "Your model went from %(before)s to %(after)s; on this server it answers no faster.",
        before=before,
        after=after,
    )


def speed_ratio(report: Report) -> float | None:
    """Dense over compact, the median time of one answer."""
    before = next((one for one in report.dense.latency if one.examples == 1), None)
    after = next((one for one in report.compact.latency if one.examples == 1), None)
    if before is None or after is None or after.median_ms <= 0:
        return None
    return before.median_ms / after.median_ms


def _beyond_noise(difference: Interval) -> bool:
    return difference.low > 0 or difference.high < 0


def _is_small(report: Report, difference: Interval, measure: Measure) -> bool:
    """Less than a thousandth of the figure that was there before."""
    before = report.dense.metric
    scale = abs(before.value) if before is not None and measure.kind == "error" else 1.0
    return abs(difference.value) < 0.0005 * scale


def _amount(report: Report, difference: Interval, measure: Measure) -> str:
    before = report.dense.metric
    if measure.kind == "error" and before is not None and before.value:
        return measure.numbers.percent(abs(difference.value / before.value))
    if measure.in_percent:
        return measure.show_change(difference.value)
    return measure.numbers.significant(abs(difference.value), 2)
