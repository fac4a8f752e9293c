"""Splits: those that are given are kept, those that are missing are drawn fairly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prunery.specs.datasets import DatasetOptions
from tests.engine.dataset_files import made, model, npz
from worker.engine.datasets import splitting

X = np.arange(200 * 4, dtype=np.float32).reshape(200, 4)
Y = np.arange(200) % 3


def test_bare_arrays_become_80_10_10(tmp_path: Path) -> None:
    dataset = made(npz(tmp_path / "a.npz", x=X, y=Y), model())
    assert dataset.examples == {"train": 160, "validation": 20, "test": 20}
    rows = np.concatenate([s.x["input"] for s in (dataset.train, dataset.validation, dataset.test)])
    np.testing.assert_array_equal(np.sort(rows[:, 0]), X[:, 0])
    for split in (dataset.train, dataset.validation, dataset.test):
        labels = Y[(split.x["input"][:, 0] / 4).astype(int)]
        np.testing.assert_array_equal(split.y["output"], labels)
        assert set(split.y["output"]) == {0, 1, 2}


def test_validation_is_a_tenth_of_train_where_a_test_split_is_given(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", x_train=X, y_train=Y, X_test=X[:30] + 0.5, y_test=Y[:30])
    dataset = made(path, model())
    assert dataset.examples == {"train": 180, "validation": 20, "test": 30}
    assert dataset.drawn == ("validation",)
    np.testing.assert_array_equal(dataset.test.x["input"], X[:30] + 0.5)


def test_given_splits_stay_as_they_are(tmp_path: Path) -> None:
    path = npz(
        tmp_path / "a.npz",
        **{"x_train": X, "y_train": Y, "x_val": X[:20], "y_val": Y[:20]},
        **{"x_test": X[:30], "y_test": Y[:30]},
    )
    dataset = made(path, model())
    assert dataset.examples == {"train": 200, "validation": 20, "test": 30}
    np.testing.assert_array_equal(dataset.train.x["input"], X)
    assert dataset.merge_validation_into_train() is dataset


def test_a_trained_upload_is_judged_by_examples_that_it_has_not_seen(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", x_train=X, y_train=Y, x_test=X[:31], y_test=Y[:31])
    unseen = made(path, model()).choose_by_unseen()
    assert unseen.examples == {"train": 200, "validation": 16, "test": 15}
    np.testing.assert_array_equal(unseen.validation.x["input"], X[:31:2])
    np.testing.assert_array_equal(unseen.test.x["input"], X[1:31:2])
    np.testing.assert_array_equal(np.sort(unseen.train.x["input"][:, 0]), X[:, 0])
    bare = made(npz(tmp_path / "b.npz", x=X, y=Y), model())
    assert bare.choose_by_unseen() is bare


def test_a_drawn_validation_split_goes_back_to_train(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", x_train=X, y_train=Y, x_test=X, y_test=Y)
    merged = made(path, model()).merge_validation_into_train()
    assert merged.examples == {"train": 200, "test": 200}
    np.testing.assert_array_equal(np.sort(merged.train.x["input"][:, 0]), X[:, 0])
    np.testing.assert_array_equal(
        merged.train.y["output"], Y[(merged.train.x["input"][:, 0] / 4).astype(int)]
    )


def test_the_seed_draws_and_fractions_are_the_datasets(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", x=X, y=Y)
    first = made(path, model(), options=DatasetOptions(seed=1))
    again = made(path, model(), options=DatasetOptions(seed=1))
    other = made(path, model(), options=DatasetOptions(seed=2, validation_fraction=0.3))
    np.testing.assert_array_equal(first.validation.x["input"], again.validation.x["input"])
    assert len(other.validation) == 60
    assert len(other.test) == 20


@settings(max_examples=60)
@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    fractions=st.tuples(st.floats(0.02, 0.4), st.floats(0.02, 0.4)),
    seed=st.integers(0, 1000),
)
def test_every_class_is_in_every_split_as_far_as_it_goes(
    counts: list[int], fractions: tuple[float, float], seed: int
) -> None:
    strata = np.repeat(np.arange(len(counts)), counts)
    np.random.default_rng(seed).shuffle(strata)
    parts = splitting.draw(
        len(strata), {"validation": fractions[0], "test": fractions[1]}, seed, strata
    )
    assert sorted(np.concatenate(list(parts.values()))) == list(range(len(strata)))
    for label, count in enumerate(counts):
        found = {name: int(np.sum(strata[chosen] == label)) for name, chosen in parts.items()}
        assert found["train"] >= 1
        assert found["validation"] >= (count >= 2)
        assert found["test"] >= (count >= 3)


def test_a_class_with_one_example_is_trained_on_and_told(tmp_path: Path) -> None:
    labels = Y.copy()
    labels[labels == 2] = 0
    labels[17] = 2
    dataset = made(npz(tmp_path / "a.npz", x=X, y=labels), model())
    assert 2 in dataset.train.y["output"]
    assert any("too few examples" in note for note in dataset.notes)


@pytest.mark.parametrize("name", ["val", "valid", "validation", "dev"])
def test_validation_goes_by_many_names(tmp_path: Path, name: str) -> None:
    arrays = {"x_train": X, "y_train": Y, f"x_{name}": X[:9], f"y_{name}": Y[:9]}
    dataset = made(npz(tmp_path / "a.npz", **arrays), model())
    assert len(dataset.validation) == 9
