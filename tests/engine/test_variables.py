"""Values that are held stay what they were, whatever becomes of their variables."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from worker.engine.variables import Held, put, put_all, read


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int32", "bool"])
def test_held_values_outlive_what_happens_to_the_variable(dtype: str) -> None:
    variable = keras.Variable(np.array([0, 1, 1]), dtype=dtype)
    held = Held({"v": variable})
    before = held["v"].copy()
    variable.assign([1, 0, 0])
    np.testing.assert_array_equal(held["v"], before)
    put_all({"v": variable}, held, "weight")
    np.testing.assert_array_equal(read(variable), before)
    with pytest.raises(ValueError, match="read-only"):
        held["v"][0] = 1


@pytest.mark.parametrize("jit", [True, False])
def test_held_values_outlive_updates_in_place(jit: bool) -> None:
    first, second = (tf.Variable(np.ones((300, 300), np.float32)) for _ in range(2))

    @tf.function(jit_compile=jit)
    def add() -> None:
        for _ in range(3):
            first.assign_add(tf.ones_like(first))
            second.scatter_nd_add([[0, 0]], [7.0])

    add()
    held = Held({"first": first, "second": second})
    before = {key: value.copy() for key, value in held.items()}
    put(first, read(second))  # shares its memory
    add()
    assert {key: np.array_equal(held[key], before[key]) for key in held} == {
        "first": True,
        "second": True,
    }
    assert (first.numpy()[0, 0], second.numpy()[0, 0]) == (22 + 3, 22 + 21)


def test_nothing_is_put_back_where_one_does_not_fit() -> None:
    one, two = (keras.Variable(np.zeros(2, np.float32)) for _ in range(2))
    whole = {"one": np.ones(2), "two": np.ones(3)}
    with pytest.raises(ValueError, match="weight two is"):
        put_all({"one": one, "two": two}, whole, "weight")
    with pytest.raises(ValueError, match="no weight two"):
        put_all({"one": one, "two": two}, {"one": np.ones(2)}, "weight")
    assert not one.numpy().any()
    array = np.ones(2, np.float32)
    put(one, array)
    array[:] = 5
    np.testing.assert_array_equal(one.numpy(), [1, 1])
