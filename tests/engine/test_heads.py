"""Heads, key dimensions and value dimensions of one attention are chosen apart by the recipe."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest
from keras import layers

from tests.engine.jobs import prune
from tests.engine.zoo import randomise

UNTRAINED = {
    "training": {"epochs": 0},
    "schedule": {"rounds": 1, "pruning_fraction": 0.5},
    "minimum_kept": 0.0,
}
REST = {"attention": 0.0, "before": 0.0, "after": 0.0}


def attention() -> keras.Model:
    x = keras.Input((6, 5))
    y = layers.Dense(8, name="before")(x)
    y = layers.MultiHeadAttention(4, 6, name="attention")(y, y)
    return randomise(keras.Model(x, layers.Dense(3, name="after")(y)))


@pytest.mark.parametrize(
    ("fractions", "heads", "key_dim", "value_dim"),
    [
        ({"attention:heads": 0.5}, 2, 6, 6),
        ({"attention:key_dim": 0.5}, 4, 3, 6),
        ({"attention:value_dim": 0.34}, 4, 6, 4),
    ],
)
def test_parts_of_an_attention_go_by_their_own_names(
    fractions: dict[str, float], heads: int, key_dim: int, value_dim: int, tmp_path: Path
):
    recipe = {**UNTRAINED, "layer_fractions": {**REST, **fractions}}
    found = prune(tmp_path, recipe, model=attention(), dataset=None).compact
    layer = found.get_layer("attention")
    assert (layer.num_heads, layer.key_dim, layer.value_dim) == (heads, key_dim, value_dim)
    assert found.get_layer("before").units == 8
