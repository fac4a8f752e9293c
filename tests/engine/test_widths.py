"""How many units of each group stay, and which."""

from __future__ import annotations

import numpy as np

from prunery.specs.recipe import Schedule
from worker.engine.pruning import schedules
from worker.engine.pruning.widths import Bounds, counts, select

SCORES = {"a": np.array([1.0, 9, 2, 8, 3, 7, 4, 6, 5, 10]), "b": np.array([100.0, 200, 300, 400])}
KEPT = {"a": np.arange(10), "b": np.arange(4)}
BOUNDS = Bounds({"a": 10, "b": 4})


def test_uniform_takes_the_same_share_of_each_group() -> None:
    assert counts(SCORES, KEPT, 0.5, "uniform", BOUNDS) == {"a": 5, "b": 2}


def test_global_ranks_scores_over_their_groups_mean() -> None:
    """Absolute scores would leave `b`, whose numbers are large, whole."""
    found = counts(SCORES, KEPT, 0.5, "global", BOUNDS)
    assert sum(found.values()) == 7
    assert found["b"] < 4


def test_half_way_lies_between() -> None:
    scores = {"a": np.ones(10), "b": np.array([0.01, 0.01, 0.01, 3.97])}
    assert counts(scores, KEPT, 0.2, "uniform", BOUNDS) == {"a": 8, "b": 4}
    assert counts(scores, KEPT, 0.2, "global", BOUNDS) == {"a": 10, "b": 2}
    assert counts(scores, KEPT, 0.2, "half_way", BOUNDS) == {"a": 9, "b": 3}


def test_minimum_is_of_the_original_units_and_one_always_stays() -> None:
    few = {"a": np.arange(3), "b": np.arange(1)}
    bounds = Bounds({"a": 10, "b": 4}, minimum=0.2)
    assert counts(SCORES, few, 0.9, "uniform", bounds) == {"a": 2, "b": 1}


def test_kept_counts_are_multiples_where_the_group_is_large_enough() -> None:
    bounds = Bounds({"a": 10, "b": 4}, round_to=8)
    assert counts(SCORES, KEPT, 0.5, "uniform", bounds) == {"a": 8, "b": 4}


def test_the_multiple_before_is_kept_where_the_next_is_more_than_there_is() -> None:
    bounds = Bounds({"a": 10, "b": 4}, round_to=8)
    assert counts(SCORES, KEPT, 0.1, "uniform", bounds) == {"a": 8, "b": 4}
    bounds = Bounds({"a": 10, "b": 4}, round_to=8, minimum=0.9)
    assert counts(SCORES, KEPT, 0.1, "uniform", bounds) == {"a": 10, "b": 4}


def test_a_protected_group_keeps_everything_under_every_plan() -> None:
    bounds = Bounds({"a": 10, "b": 4}, round_to=3, fractions={"b": 0.0})
    for plan in ("uniform", "global", "half_way"):
        assert counts(SCORES, KEPT, 0.5, plan, bounds)["b"] == 4


def test_a_group_with_a_fraction_of_its_own_loses_that() -> None:
    bounds = Bounds({"a": 10, "b": 4}, fractions={"a": 0.3})
    assert counts(SCORES, KEPT, 0.5, "global", bounds) == {"a": 7, "b": 2}


def test_the_best_units_stay_in_ascending_order() -> None:
    kept = select(SCORES, KEPT, {"a": 3, "b": 1})
    assert kept["a"].tolist() == [1, 3, 9]
    assert kept["b"].tolist() == [3]


def test_equal_units_fall_by_index() -> None:
    kept = select({"a": np.ones(5)}, {"a": np.array([0, 2, 4])}, {"a": 2})
    assert kept["a"].tolist() == [2, 4]


def test_iterative_rounds_take_of_what_is_alive() -> None:
    schedule = Schedule(kind="iterative", rounds=5, pruning_fraction=0.2)
    assert [round(schedules.round_fraction(schedule, k), 12) for k in (1, 5)] == [0.2, 0.2]


def test_one_shot_levels_are_cut_from_the_dense_model() -> None:
    schedule = Schedule(kind="one_shot", rounds=3, pruning_fraction=0.3)
    found = [schedules.round_fraction(schedule, k) for k in (1, 2, 3)]
    assert np.allclose(found, [0.3, 0.51, 0.657])


def test_cubic_follows_zhu_and_gupta() -> None:
    schedule = Schedule(kind="cubic", rounds=4, pruning_fraction=0.5)
    final = 1 - 0.5**4
    kept = [schedules.kept_share(schedule, k) for k in range(5)]
    assert np.allclose(kept, [1 - final * (1 - (1 - k / 4) ** 3) for k in range(5)])
    product = np.prod([1 - schedules.round_fraction(schedule, k) for k in range(1, 5)])
    assert np.isclose(product, 0.5**4)
