"""When the ladder stops, and which level is the answer."""

from __future__ import annotations

from prunery.specs.job import Figures
from prunery.specs.recipe import Objective
from worker.engine.lottery.objectives import Limit, answer_is_known, choose, meets_targets


def _figures(*parameters: int) -> list[Figures]:
    return [
        Figures(parameters=n, size_bytes=n * 4, flops=2 * n, density=n / parameters[0])
        for n in parameters
    ]


def test_smallest_level_within_the_limit_is_chosen_past_a_miss() -> None:
    """Curves are not monotone: one miss does not end the search."""
    figures = _figures(100, 80, 60, 40, 30, 20)
    within = [True, True, False, True, False, False]
    assert not answer_is_known(Objective(max_metric_drop=0.01), within[:3], figures[0], figures[2])
    assert answer_is_known(Objective(max_metric_drop=0.01), within, figures[0], figures[5])
    assert choose(Objective(max_metric_drop=0.01), figures, within) == (3, None)


def test_nothing_within_the_limit_leaves_the_dense_model() -> None:
    figures = _figures(100, 80, 60)
    assert choose(Objective(max_metric_drop=0.01), figures, [True, False, False]) == (0, None)


def test_without_an_objective_every_round_is_done_and_the_last_is_chosen() -> None:
    figures = _figures(100, 80, 60)
    assert not answer_is_known(Objective(), [True] * 3, figures[0], figures[2])
    assert choose(Objective(), figures, [True, True, True]) == (2, None)


def test_a_target_ends_the_ladder_as_soon_as_it_is_met() -> None:
    objective = Objective(parameters_ratio=0.6)
    figures = _figures(100, 80, 60, 40)
    assert not answer_is_known(objective, [True, True], figures[0], figures[1])
    assert answer_is_known(objective, [True] * 3, figures[0], figures[2])
    assert choose(objective, figures, [True] * 4) == (2, True)


def test_a_target_that_was_not_met_is_said() -> None:
    figures = _figures(100, 80, 60)
    assert choose(Objective(parameters_ratio=0.1), figures, [True] * 3) == (2, False)


def test_where_limit_and_target_quarrel_the_limit_wins() -> None:
    objective = Objective(max_metric_drop=0.01, parameters_ratio=0.5)
    figures = _figures(100, 80, 60, 40)
    assert choose(objective, figures, [True, True, True, False]) == (2, False)


def test_all_targets_must_hold() -> None:
    dense, level = _figures(100, 40)
    assert meets_targets(Objective(flops_ratio=0.4, size_bytes=160), dense, level)
    assert not meets_targets(Objective(flops_ratio=0.4, size_bytes=159), dense, level)
    assert not meets_targets(Objective(latency_ratio=0.5), dense, level), "it was not measured"


def test_limit_is_absolute_for_shares_and_relative_for_losses() -> None:
    accuracy = Limit(0.90, 0.01, higher_is_better=True, relative=False)
    assert accuracy.holds(0.89)
    assert not accuracy.holds(0.889)
    error = Limit(2.0, 0.1, higher_is_better=False, relative=True)
    assert error.holds(2.2)
    assert not error.holds(2.21)
    assert not error.holds(float("nan"))
