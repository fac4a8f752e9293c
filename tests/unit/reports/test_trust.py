"""What a report says of how far its result can be trusted."""

from __future__ import annotations

import pytest

from prunery.reports import render
from prunery.specs.report import (
    Data,
    Interval,
    Verdict,
)
from tests.factories import reports


def test_the_control_that_won_is_said_in_plain_words() -> None:
    verdict = Verdict(outcome="smaller", sentence="", shipped="fresh_small", winning_ticket=False)
    html = render(reports.report(verdict=verdict))
    assert "A freshly initialised small network did as well" in html
    assert "It is not a winning ticket" in html


def test_repeated_looks_at_the_test_are_counted() -> None:
    html = render(reports.report(comparison=reports.comparison(test_looks=3)))
    assert "They were looked at 3 times" in html


def test_examples_that_a_trained_model_may_know_are_not_called_unseen() -> None:
    told = reports.report()
    seen = told.model_copy(update={"data": told.data.model_copy(update={"test_seen": True})})
    for report, called in ((told, True), (seen, False)):
        html = render(report)
        assert ("that neither had seen" in html) == called
        assert ("unseen example" in html) == called
        assert ("The test examples were kept aside" in html) == called
        assert ("Your model may know the test examples" in html) != called


def test_a_loss_above_the_limit_on_the_test_is_not_hidden() -> None:
    over = reports.comparison(difference=Interval(value=-0.02, low=-0.03, high=-0.01))
    assert "the loss is above your limit" in render(reports.report(comparison=over))
    assert "the loss is above your limit" not in render(reports.report())


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.9900, "not clearly enough"), (0.8800, "not clearly enough"), (0.8700, "")],
)
def test_a_smaller_size_that_may_have_been_lucky_is_told(value: float, told: str) -> None:
    *others, last = reports.levels()
    level = last.model_copy(update={"metric": reports.interval(value), "within_limit": False})
    html = render(reports.report(levels=(*others, level)))
    assert ("A smaller size was passed over" in html) == bool(told)
    assert told in html


@pytest.mark.parametrize(
    ("half", "allowed", "told"), [(0.02, 0.01, True), (0.004, 0.01, False), (0.02, 0.03, False)]
)
def test_a_smaller_size_that_may_have_had_bad_luck_is_told(
    half: float, allowed: float, told: bool
) -> None:
    *others, last = reports.levels()
    metric = Interval(value=0.8700, low=0.8700 - half, high=0.8700 + half)
    level = last.model_copy(update={"metric": metric, "within_limit": False})
    comparison = reports.comparison(allowed_drop=allowed)
    html = render(reports.report(levels=(*others, level), comparison=comparison))
    assert ("A smaller size may be as good" in html) == told


@pytest.mark.parametrize(("examples", "told"), [(14, True), (99, True), (300, False)])
def test_a_size_chosen_by_single_answers_is_told(examples: int, told: bool) -> None:
    data = Data(examples={"train": 1_000, "validation": examples, "test": 5_000})
    html = render(reports.report(data=data, comparison=reports.comparison(allowed_drop=0.01)))
    assert (f"chosen on {examples} examples, where one answer weighs more" in html) == told


def test_a_ticket_within_the_noise_is_not_called_a_loser() -> None:
    margin = Interval(value=0.009, low=-0.0076, high=0.0256)
    verdict = Verdict(outcome="smaller", sentence="", winning_ticket=False, ticket_margin=margin)
    html = render(reports.report(verdict=verdict))
    assert "It is not shown to be a winning ticket" in html
    assert "did about as well or better" not in html


def test_weights_that_were_never_reset_neither_win_nor_lose_as_a_ticket() -> None:
    margin = Interval(value=0.009, low=0.004, high=0.0256)
    verdict = Verdict(outcome="smaller", sentence="", shipped="fine_tuned", ticket_margin=margin)
    html = render(reports.report(verdict=verdict))
    assert "no lottery ticket in the strict sense" in html
    assert "Against the best control" in html
    assert "a winning ticket" not in html
    assert "better than rewinding" not in html
