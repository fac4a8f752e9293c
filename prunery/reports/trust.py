"""Why the result can be trusted, and where it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from prunery.reports.facts import change_in_words
from prunery.reports.language import Language
from prunery.reports.levels import worst_allowed
from prunery.reports.measures import Measure, is_finite
from prunery.reports.numbers import Numbers
from prunery.reports.outputs import is_over, names_over
from prunery.specs.report import Interval, Proof, Report

FEW_EXAMPLES = 1_000


@dataclass(frozen=True)
class Check:
    """`sure` is a tick, `note` is good to know, `caution` takes something back."""

    title: str
    detail: str
    tone: Literal["sure", "note", "caution"] = "sure"


def checks(report: Report, measure: Measure, language: Language) -> tuple[Check, ...]:
    """In the order of what a person asks first."""
    return tuple(_checks(report, measure, language))


def _checks(report: Report, measure: Measure, language: Language) -> Iterator[Check]:
    yield from (_proof(proof, language) for proof in report.proofs)
    yield _test(report, language)
    yield from _over(report, measure, language)
    yield from _few(report, measure, language)
    yield from _few_to_choose_by(report, measure, language)
    yield from _passed_over(report, language)
    yield from shipped(report, measure, language)
    if any(one.examples == 1 for one in report.compact.latency):
        yield Check(
            language.gettext("Speed is for this server"),
            language.gettext(
                "A phone will differ. Try the file on yours before you promise a number."
            ),
            tone="note",
        )


def _proof(proof: Proof, language: Language) -> Check:
    if proof.verdict == "exact":
        title = language.gettext("The file you download is the one we tested")
    elif proof.verdict == "approximate":
        title = language.gettext("This file is an approximation, as you allowed")
    else:
        title = language.gettext("We could not prove that this file changes nothing")
    tone: Literal["sure", "caution"] = "sure" if proof.verdict == "exact" else "caution"
    return Check(title, f"{proof.file}: {_agreement(proof, language)}", tone)


def _agreement(proof: Proof, language: Language) -> str:
    numbers, said = Numbers(language), []
    if proof.same_class is not None and proof.examples:
        same = round(proof.same_class * proof.examples)
        said.append(
            language.ngettext(
                "the same answer as the full-size network on %(same)s of %(number)s example.",
                "the same answer as the full-size network on %(same)s of %(number)s examples.",
                proof.examples,
                same=numbers.integer(same),
                number=numbers.integer(proof.examples),
            )
        )
    elif proof.examples:
        said.append(
            language.ngettext(
                "compared with the full-size network on %(number)s example.",
                "compared with the full-size network on %(number)s examples.",
                proof.examples,
                number=numbers.integer(proof.examples),
            )
        )
    if proof.max_abs_diff_float64 is not None:
        said.append(
            language.gettext(
                "Largest difference in any output, computed precisely: %(difference)s.",
                difference=numbers.significant(proof.max_abs_diff_float64, 2),
            )
        )
    return " ".join(said) or language.gettext("there were no examples to compare on.")


def _test(report: Report, language: Language) -> Check:
    if not report.data.examples.get("test"):
        return Check(
            language.gettext("No examples were kept aside for a test"),
            language.gettext("The figures are too kind. Keep some aside and run the job again."),
            tone="caution",
        )
    if report.data.test_seen:
        return Check(
            language.gettext("Your model may know the test examples"),
            language.gettext(
                "It came trained, and they were drawn from the examples that came with it: it may "
                "seem better than it is, and the smaller one worse beside it. Give test examples "
                "that it has never seen."
            ),
            tone="caution",
        )
    looks = report.comparison.test_looks
    title = language.gettext("The test examples were kept aside")
    if looks <= 1:
        detail = language.gettext(
            "Neither training nor choosing the size used them. They were looked at once."
        )
        return Check(title, detail)
    detail = language.ngettext(
        "They were looked at %(count)s time: each look makes the figures a little too kind.",
        "They were looked at %(count)s times: each look makes the figures a little too kind.",
        looks,
    )
    return Check(title, detail, tone="caution")


def _over(report: Report, measure: Measure, language: Language) -> Iterator[Check]:
    """A size that stayed within the limit where it was chosen may miss it on the test."""
    names = ", ".join(names_over(report, language))
    if report.verdict.outcome == "smaller" and (names or is_over(report.comparison, measure)):
        yield Check(
            language.gettext(
                "On the test examples the loss of %(outputs)s is above your limit", outputs=names
            )
            if names
            else language.gettext("On the test examples the loss is above your limit"),
            language.gettext(
                "The size was chosen on other examples, where it stayed within. "
                "Take a larger size if the limit is strict."
            ),
            tone="caution",
        )


def _few(report: Report, measure: Measure, language: Language) -> Iterator[Check]:
    difference = report.comparison.difference
    if difference is None or not is_finite(difference) or not 0 < measure.examples < FEW_EXAMPLES:
        return
    half = (difference.high - difference.low) / 2
    if not half:  # one model, twice
        return
    yield Check(
        language.gettext("There were few test examples"),
        language.ngettext(
            "%(number)s shows only changes above about %(amount)s. More would say it more surely.",
            "%(number)s show only changes above about %(amount)s. More would say it more surely.",
            measure.examples,
            number=measure.numbers.integer(measure.examples),
            amount=measure.show_change(half),
        ),
        tone="caution",
    )


def _few_to_choose_by(report: Report, measure: Measure, language: Language) -> Iterator[Check]:
    """Where a single answer decides whether a size is within the limit."""
    limit, count = report.comparison.allowed_drop, report.data.examples.get("validation", 0)
    if measure.kind != "answers" or not limit or not 0 < count * limit < 1:
        return
    yield Check(
        language.gettext("There were few examples to choose by"),
        language.ngettext(
            "The size was chosen on %(number)s example, where one answer weighs more than the "
            "loss you allowed.",
            "The size was chosen on %(number)s examples, where one answer weighs more than the "
            "loss you allowed.",
            count,
            number=measure.numbers.integer(count),
        ),
        tone="caution",
    )


def _passed_over(report: Report, language: Language) -> Iterator[Check]:
    """Where a smaller size may have had luck, good or bad."""
    chosen = next((level for level in report.levels if level.chosen), None)
    worst, allowed = worst_allowed(report), report.comparison.allowed_drop
    if chosen is None or worst is None or allowed is None:
        return
    sign = 1 if report.task.metric_higher_is_better else -1
    missed = [
        level.metric
        for level in report.levels
        if level.within_limit is False
        and level.why_missed is None
        and level.metric is not None
        and level.live_parameters < chosen.live_parameters
    ]
    if any(sign * found.value >= sign * worst for found in missed):
        yield Check(
            language.gettext("A smaller size was passed over"),
            language.gettext(
                "On the examples that sizes are chosen by it stayed within your limit, but not "
                "clearly enough: that may have been luck."
            ),
            tone="note",
        )
    elif any(_could_hold(found, worst, allowed) for found in missed):
        yield Check(
            language.gettext("A smaller size may be as good"),
            language.gettext(
                "It missed your limit by so little that it may have been bad luck. With more "
                "examples to choose by you may get it."
            ),
            tone="note",
        )


def _could_hold(found: Interval, worst: float, allowed: float) -> bool:
    """Whether examples that cannot show the allowed loss leave it open that a figure holds."""
    return found.low <= worst <= found.high and found.high - found.low > 2 * allowed


def shipped(report: Report, measure: Measure, language: Language) -> Iterator[Check]:
    """What the control experiments say: honest words, whichever way they went."""
    verdict, say, margin = report.verdict, language.gettext, ""
    if verdict.ticket_margin is not None:
        margin = say(
            "Against the best control: %(change)s.",
            change=change_in_words(verdict.ticket_margin, measure, language),
        )
    if verdict.shipped == "fresh_small":
        yield Check(
            say("A freshly initialised small network did as well"),
            say(
                "So that is the one you get. The smaller shape was enough: which parts of your "
                "model to keep made no difference here."
            ),
            tone="caution",
        )
    elif verdict.shipped == "fresh_same_scale":
        yield Check(
            say("The same network on fresh weights did as well"),
            say(
                "So that is the one you get. Which parts were kept may matter; the weights that "
                "they began with made no difference here."
            ),
            tone="caution",
        )
    elif verdict.shipped in ("random_units", "random_mask"):
        yield Check(
            say("Removing parts at random did as well"),
            say("So that is the network you get. Our choice of parts was worth nothing here."),
            tone="caution",
        )
    elif verdict.shipped == "fine_tuned":
        yield Check(
            say("It goes on from the trained weights"),
            say("They were not reset, so it is no lottery ticket in the strict sense.")
            + f" {margin}",
            tone="note",
        )
    if verdict.winning_ticket is True:
        yield Check(
            say("It is a winning ticket"),
            say("Control experiments of the same size did worse.") + f" {margin}",
        )
    elif verdict.winning_ticket is False:
        yield _no_ticket(report, measure, margin, language)


def _no_ticket(report: Report, measure: Measure, margin: str, language: Language) -> Check:
    """Better than the controls but within the noise, or no better at all."""
    gained = report.verdict.ticket_margin
    if gained is not None and measure.gain(gained.value) > 0:
        return Check(
            language.gettext("It is not shown to be a winning ticket"),
            language.gettext("It did better than the control experiments, but within the noise.")
            + f" {margin}",
            tone="note",
        )
    return Check(
        language.gettext("It is not a winning ticket"),
        language.gettext("A control experiment of the same size did about as well or better.")
        + f" {margin}",
        tone="caution",
    )
