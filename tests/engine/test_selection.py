"""Which weights go: counts are exact, ties fall by index, no layer is left with nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.engine.pruning.selection import (
    below_threshold,
    count,
    prune_weights,
    random_like,
)
from worker.engine.pruning.structured import prune_blocks, prune_n_of_m


def _ones(scores: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {key: np.ones(value.shape, dtype=bool) for key, value in scores.items()}


@given(st.integers(1, 10_000), st.integers(0, 100))
@example(100, 29)  # 0.29 * 100 == 28.999999999999996
def test_fraction_means_floor_of_alive_not_one_more(alive: int, percent: int) -> None:
    assert count(percent / 100, alive) == percent * alive // 100


def test_selection_is_not_off_by_one() -> None:
    """A percentile threshold with "<=" removes the weight that sits on it, too."""
    scores = {"a": np.arange(10.0)}
    kept = prune_weights(scores, _ones(scores), [(["a"], 0.3)]).masks["a"]
    assert kept.tolist() == [False] * 3 + [True] * 7


def test_equal_scores_fall_by_index_and_only_as_many_as_asked() -> None:
    """A threshold would take all of them, or none."""
    scores = {"a": np.full(10, 0.5)}
    kept = prune_weights(scores, _ones(scores), [(["a"], 0.4)]).masks["a"]
    assert kept.tolist() == [False] * 4 + [True] * 6


def test_fraction_is_of_the_living_and_the_dead_stay_dead() -> None:
    scores = {"a": np.array([9.0, 1, 2, 3, 4, 5, 6, 7, 8, 0])}
    masks = {"a": np.array([False, True, True, True, True, True, True, True, True, False])}
    kept = prune_weights(scores, masks, [(["a"], 0.5)]).masks["a"]
    assert np.flatnonzero(kept).tolist() == [5, 6, 7, 8]


def test_global_scope_ranks_layers_as_one() -> None:
    scores = {"small": np.arange(4.0), "large": np.arange(10.0, 14.0)}
    kept = prune_weights(scores, _ones(scores), [(["small", "large"], 0.25)]).masks
    assert kept["small"].sum() == 2
    assert kept["large"].sum() == 4


def test_layer_collapse_is_prevented_and_reported() -> None:
    scores = {"weak": np.arange(4.0), "strong": np.arange(10.0, 20.0)}
    found = prune_weights(scores, _ones(scores), [(["weak", "strong"], 0.5)])
    assert found.masks["weak"].sum() == 1
    assert sum(int(mask.sum()) for mask in found.masks.values()) == 7, "the quota is still met"
    assert found.spared == ("weak",)


def test_minimum_kept_counts_all_weights_of_a_layer() -> None:
    scores = {"a": np.arange(10.0)}
    found = prune_weights(scores, _ones(scores), [(["a"], 0.9)], minimum_kept=0.3)
    assert found.masks["a"].sum() == 3


@given(st.integers(0, 2**31), st.floats(0.01, 0.99))
def test_whatever_the_scores_the_quota_is_met_exactly(seed: int, fraction: float) -> None:
    draw = np.random.default_rng(seed)
    scores = {"a": draw.integers(0, 3, (7, 5)).astype(float), "b": draw.random(23)}
    found = prune_weights(scores, _ones(scores), [(["a", "b"], fraction)])
    kept = sum(int(mask.sum()) for mask in found.masks.values())
    assert kept == max(58 - count(fraction, 58), 2)


def test_density_after_k_rounds_is_the_papers_ladder() -> None:
    """LeNet-300-100: (265200 * 0.8^k + 1000 * 0.9^k) / 266200, up to the floor of each round."""
    draw = np.random.default_rng(0)
    shapes = {"a": (784, 300), "b": (300, 100), "c": (100, 10)}
    scores = {key: draw.random(shape) for key, shape in shapes.items()}
    masks = _ones(scores)
    for k in range(1, 16):
        pools = [(["a"], 0.2), (["b"], 0.2), (["c"], 0.1)]
        masks = prune_weights(scores, masks, pools).masks
        density = sum(int(mask.sum()) for mask in masks.values()) / 266_200
        assert density == pytest.approx(
            (265_200 * 0.8**k + 1_000 * 0.9**k) / 266_200, abs=3 * k / 266_200
        )
    assert density == pytest.approx(0.0358, abs=1e-4)


def test_random_mask_keeps_the_density_of_each_layer() -> None:
    masks = {"a": np.arange(20).reshape(4, 5) < 6, "b": np.arange(9) < 3}
    drawn = random_like(masks, seed=3)
    assert {key: int(mask.sum()) for key, mask in drawn.items()} == {"a": 6, "b": 3}
    assert any((drawn[key] != masks[key]).any() for key in masks)


def test_threshold_removes_what_lies_at_or_below_it() -> None:
    values = {"a": np.array([-0.5, 0.1, 0.2, -0.2])}
    found = below_threshold(values, _ones(values), 0.2)
    assert found.masks["a"].tolist() == [True, False, False, False]


def test_threshold_above_all_spares_the_largest() -> None:
    values = {"a": np.array([-0.5, 0.1])}
    found = below_threshold(values, _ones(values), 7.0)
    assert found.masks["a"].tolist() == [True, False]
    assert found.spared == ("a",)


def test_blocks_go_whole() -> None:
    scores = {"a": np.arange(16.0).reshape(4, 4)}
    found = prune_blocks(scores, _ones(scores), {"a": 0.5}, (2, 2))
    expected = np.zeros((4, 4), dtype=bool)
    expected[2:] = True
    assert (found.masks["a"] == expected).all()


def test_blocks_at_the_edge_are_smaller_and_judged_by_their_mean() -> None:
    scores = {"a": np.array([[1.0, 1, 9], [1, 1, 9], [5, 5, 0]])}
    found = prune_blocks(scores, _ones(scores), {"a": 0.5}, (2, 2))
    assert (found.masks["a"] == np.array([[0, 0, 1], [0, 0, 1], [1, 1, 0]], bool)).all()


@given(st.integers(0, 2**31), st.integers(1, 13))
def test_two_of_every_four_inputs_stay(seed: int, rows: int) -> None:
    scores = {"a": np.random.default_rng(seed).random((rows, 3))}
    kept = prune_n_of_m(scores, _ones(scores), 2, 4)["a"]
    for start in range(0, rows, 4):
        part = kept[start : start + 4]
        assert (part.sum(axis=0) == -(-2 * len(part) // 4)).all()


def test_n_of_m_keeps_the_best_of_each_convolution_input_group() -> None:
    scores = {"a": np.arange(8.0).reshape(1, 1, 4, 2)[..., ::-1]}
    kept = prune_n_of_m(scores, _ones(scores), 1, 4)["a"]
    assert kept[0, 0].tolist() == [[False] * 2] * 3 + [[True] * 2]
