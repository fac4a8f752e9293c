"""Keras tells by sizes along which axis a bias goes: no cut may change its mind."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from tests.engine import cutting
from worker.engine.compaction import masked, rebuild
from worker.engine.graph import Graph, analyse


def attention(places: int, heads: int = 4, dims: int = 3) -> Any:
    x = keras.Input((places, 5))
    return x, layers.MultiHeadAttention(heads, dims, name="attention")(x, x)


def einsum(equation: str, shape: tuple[int | None, ...], bias: str) -> Any:
    x = keras.Input((6, 5))
    y = layers.EinsumDense(equation, shape, bias_axes=bias, name="einsum")(x)
    return x, layers.EinsumDense("abde,def->abf", (None, 7))(y) if len(y.shape) > 3 else y


CASES = {
    "heads as many as places": lambda: attention(2),
    "fewer heads than places": lambda: attention(9),
    "one dimension for each head": lambda: attention(2, dims=1),
    "as many units as places": lambda: einsum("abc,cde->abde", (None, 6, 4), "d"),
    "more units than places": lambda: einsum("abc,cde->abde", (None, 8, 7), "d"),
    "more inner units": lambda: einsum("abc,cde->abde", (None, 4, 8), "d"),
    "before channels that pass": lambda: einsum("abc,bd->adc", (4, 5), "d"),
    "of an axis that passes": lambda: einsum("abc,cd->abd", (6, 8), "bd"),
}


def fewest(graph: Graph, drop: int) -> dict[str, np.ndarray]:
    """What must stay of every group, one more where `drop` says so, at random."""
    rng = np.random.default_rng(drop)
    return {
        name: np.sort(rng.permutation(group.units)[: min(group.units, group.minimum + number)])
        for (name, group), number in zip(
            graph.groups.items(), [(drop >> k) & 1 for k in range(len(graph.groups))], strict=True
        )
    }


@pytest.mark.parametrize("case", CASES)
def test_every_smallest_cut_adds_each_bias_where_it_was(case: str):
    inputs, x = CASES[case]()
    x = x if x.shape[1] is None else layers.Flatten()(x)
    model = cutting.randomise(keras.Model(inputs, layers.Dense(3, name="head")(x)))
    graph = analyse(model)
    given = cutting.inputs(model)
    for drop in range(1 << len(graph.groups)):
        found = rebuild.compact(model, graph, fewest(graph, drop))
        full = masked.scatter(model, found.model, found.keep, rescaled=found.rescaled)
        one, other = cutting.outputs(full, given), cutting.outputs(found.model, given)
        np.testing.assert_allclose(one[0], other[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("places", "minimum"), [(2, 2), (4, 2), (9, 1)])
def test_a_heads_last_dimension_goes_where_no_bias_can_be_taken_for_another(
    places: int, minimum: int
):
    groups = analyse(keras.Model(*attention(places))).groups
    assert groups["attention:key_dim"].minimum == minimum


@pytest.mark.parametrize("add", [lambda x, y: x + y, lambda x, y: layers.Add()([x, y])])
@pytest.mark.parametrize(("places", "minimum"), [(8, 9), (20, 1)])
def test_what_is_added_at_each_place_is_no_bias_for_one_example_either(
    add: Any, places: int, minimum: int
):
    x = keras.Input((places, 5))
    y = add(layers.Dense(16, name="stream")(x), layers.Dense(1)(x))
    y = layers.GlobalAveragePooling1D()(layers.ReLU()(y))
    model = cutting.randomise(keras.Model(x, layers.Dense(3)(y)))
    graph = analyse(model)
    assert graph.groups["stream"].minimum == minimum
    found = rebuild.compact(model, graph, fewest(graph, 0))
    full = masked.scatter(model, found.model, found.keep)
    given = [cutting.inputs(model)[0][:1]]
    one, other = cutting.outputs(full, given), cutting.outputs(found.model, given)
    np.testing.assert_allclose(one[0], other[0], rtol=1e-5, atol=1e-5)
