"""Fractions that follow from what each group's loss costs."""

from __future__ import annotations

import pytest

from worker.engine.lottery.cutting import sensitivity

SIZES = {"needed": 10, "spare": 30}


def test_a_group_that_matters_loses_less() -> None:
    losses = sensitivity.scan(
        ["needed", "spare"],
        lambda name, depth: 0.9 - (depth if name == "needed" else 0.01 * depth),
        0.9,
        higher_is_better=True,
    )
    found = sensitivity.propose(losses, SIZES, 0.3)
    assert found["needed"] < 0.3 < found["spare"]


def test_together_they_lose_the_rounds_fraction() -> None:
    losses = {"needed": {0.5: 0.2}, "spare": {0.5: 0.0}}
    found = sensitivity.propose(losses, SIZES, 0.3)
    assert sum(found[name] * SIZES[name] for name in SIZES) == pytest.approx(0.3 * 40)


def test_no_group_loses_more_than_it_may() -> None:
    losses = {"needed": {0.5: 5.0}, "spare": {0.5: 0.0}}
    assert max(sensitivity.propose(losses, SIZES, 0.7).values()) <= sensitivity.MOST


def test_a_loss_is_sensitive_where_it_grows() -> None:
    losses = sensitivity.scan(["a"], lambda _n, depth: 1 + depth, 1.0, higher_is_better=False)
    assert losses["a"][0.5] == pytest.approx(0.5)
