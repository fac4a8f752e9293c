"""The verdict says what was measured: every outcome, no gain rounded up, no loss hidden."""

from __future__ import annotations

from typing import Any

import pytest

from prunery.reports import facts, headline, measures
from prunery.reports.language import load
from prunery.specs.report import Comparison, Data, Interval, Report, Task, Verdict
from tests.factories import reports

ENGLISH = load("en")


def tell(report: Report) -> str:
    measure = measures.measure(report, ENGLISH)
    return headline.compose(report, measure, ENGLISH).plain.replace("\u00a0", " ")


def with_difference(value: float, low: float, high: float) -> Report:
    change = Interval(value=value, low=low, high=high)
    return reports.report(comparison=reports.comparison(difference=change))


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        ((-0.0027, -0.0068, 0.0014), "with about 3 more mistakes in 1,000"),
        ((-0.001, -0.002, -0.0002), "with about 1 more mistake in 1,000"),
        ((-0.0002, -0.003, 0.003), "with no difference we can measure"),
        ((0.002, -0.001, 0.005), "with no difference we can measure"),
        ((0.0029, 0.001, 0.005), "with about 2 fewer mistakes in 1,000"),
        ((-0.0003, -0.0005, -0.0001), "with less than 1 more mistake in 1,000"),
        ((0.0004, 0.0001, 0.0007), "with less than 1 fewer mistake in 1,000"),
    ],
)
def test_mistakes_are_counted_per_thousand(
    difference: tuple[float, float, float], words: str
) -> None:
    assert tell(with_difference(*difference)) == f"4.4 times smaller, {words}"


def test_a_small_gain_is_a_percentage_rounded_down() -> None:
    compact = reports.figures(scale=1.0).model_copy(update={"size_bytes": 1_130_000})
    assert tell(reports.report(compact=compact)).startswith("3.4% smaller,")


def test_a_masked_model_of_the_same_size_is_not_called_smaller() -> None:
    compact = reports.figures(scale=1.0).model_copy(update={"live_parameters": 28_216})
    said = tell(reports.report(compact=compact))
    assert said.startswith("10 times fewer live numbers in a file of the same size")


def test_without_a_test_split_nothing_is_claimed_about_answers() -> None:
    report = reports.report(
        comparison=Comparison(),
        data=Data(examples={"train": 100, "validation": 20}),
        dense=reports.figures(None),
        compact=reports.figures(None, scale=0.2),
    )
    measure = measures.measure(report, ENGLISH)
    words = headline.compose(report, measure, ENGLISH)
    assert words.rest == ""
    assert any("untested" in sentence for sentence in words.lead)


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("nothing_within", "Nothing could go within your limit"),
        ("nothing_to_remove", "There is nothing here that can safely be removed"),
        ("at_chance", "The model has not learned from these examples"),
    ],
)
def test_outcomes_without_a_gain_claim_none(outcome: Any, words: str) -> None:
    verdict = Verdict(outcome=outcome, sentence="", shipped="dense")
    assert tell(reports.report(verdict=verdict)) == words


def test_a_job_that_was_stopped_before_anything_smaller_blames_no_limit() -> None:
    verdict = Verdict(outcome="nothing_within", sentence="", shipped="dense")
    report = reports.report(verdict=verdict, levels=reports.levels()[:1])
    measure = measures.measure(report, ENGLISH)
    words = headline.compose(report, measure, ENGLISH)
    assert words.plain == "Stopped before a smaller size was done"
    assert not any("curve" in sentence or "lost" in sentence for sentence in words.lead)


def test_a_missed_target_is_said_first() -> None:
    verdict = Verdict(outcome="over_limit", sentence="", target_met=True)
    report = reports.report(verdict=verdict)
    words = headline.compose(report, measures.measure(report, ENGLISH), ENGLISH)
    assert words.lead[0] == "Your target and your limit could not both be met."


def test_an_error_metric_is_told_as_a_share_of_the_error_before() -> None:
    task = Task(kind="regression", metric="mae", metric_higher_is_better=False)
    report = reports.report(
        task=task,
        dense=reports.figures(2.0),
        compact=reports.figures(2.1, scale=0.2),
        comparison=Comparison(difference=Interval(value=0.1, low=0.02, high=0.2)),
    )
    assert tell(report).endswith("with an error 5.0% larger")


@pytest.mark.parametrize(
    ("examples", "words"),
    [
        ({"train": 900, "validation": 100}, "on the 100 examples that the size was chosen by"),
        ({"train": 900}, "on the 900 training examples"),
        ({"train": 800, "validation": 100, "test": 100}, "100 examples that neither had seen"),
    ],
)
def test_the_lead_names_the_examples_that_were_really_used(
    examples: dict[str, int], words: str
) -> None:
    report = reports.report(data=Data(examples=examples))
    lead = headline.compose(report, measures.measure(report, ENGLISH), ENGLISH).lead
    assert any(words in sentence for sentence in lead)


def test_a_gain_within_the_noise_is_not_claimed() -> None:
    task = Task(kind="regression", metric="mse", metric_higher_is_better=False)
    change = Interval(value=-0.0143, low=-0.0454, high=0.0151)
    report = reports.report(
        task=task, dense=reports.figures(0.33), comparison=Comparison(difference=change)
    )
    assert tell(report).endswith(", with no difference we can measure")


def test_a_relative_limit_is_told_as_it_was_set() -> None:
    task = Task(
        kind="regression", metric="mse", metric_higher_is_better=False, drop_is_relative=True
    )
    change = Interval(value=0.004, low=-0.01, high=0.02)
    report = reports.report(
        task=task,
        dense=reports.figures(0.33),
        compact=reports.figures(0.334),
        comparison=Comparison(difference=change, allowed_drop=0.0033),
    )
    told = facts.rows(report, measures.measure(report, ENGLISH), ENGLISH)[0]
    assert told.aside == "You allowed a loss of 1.0%."
