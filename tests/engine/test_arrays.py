"""Arrays on demand are those that were written, and no more than one is read at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from worker.engine import arrays


def test_what_is_written_is_read_by_its_name(tmp_path: Path) -> None:
    given = {"a/kernel": np.arange(6.0).reshape(2, 3).T, "b": np.array(3, np.int8)}
    arrays.write(tmp_path / "some.npz", given.items())
    found = arrays.read(tmp_path / "some.npz")
    assert list(found) == list(given)
    for key, value in given.items():
        np.testing.assert_array_equal(found[key], value)
        assert found[key].dtype == value.dtype
    with pytest.raises(KeyError):
        found["c"]


def test_arrays_are_made_when_they_are_asked_for_and_not_before() -> None:
    asked = []

    def make(key: str) -> np.ndarray:
        asked.append(key)
        return np.zeros(1)

    found = arrays.OnDemand(("a", "b"), make)
    assert (len(found), "b" in found, asked) == (2, True, [])
    assert found["b"] is not None
    assert asked == ["b"]
