"""Groups: which units go together, where their slices lie, what is frozen and why."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from prunery.specs.errors import PruneryError
from tests.engine.zoo.recurrence import masked_words_beside_tags
from worker.engine.graph import analyse, output_layers, prunability


def chain(*hidden: keras.Layer, shape: tuple[int, ...] = (6,)) -> keras.Model:
    return keras.Sequential([keras.Input(shape), *hidden])


def places(model: keras.Model, group: str) -> dict[tuple[str, int], tuple[str, list[list[int]]]]:
    return {
        (s.key, s.axis): (s.role, [one.tolist() for one in s.index])
        for s in analyse(model).groups[group].slices
    }


def test_a_dense_unit_is_its_column_its_bias_and_the_next_row():
    model = chain(layers.Dense(3, name="a"), layers.Dense(2, name="b"))
    assert places(model, "a") == {
        ("a/kernel", 1): ("out", [[0], [1], [2]]),
        ("a/bias", 0): ("bias", [[0], [1], [2]]),
        ("b/kernel", 0): ("in", [[0], [1], [2]]),
    }


def test_a_filter_takes_its_normalisation_and_every_row_behind_flatten():
    model = chain(
        layers.Conv2D(2, 2, name="c"),
        layers.BatchNormalization(name="n"),
        layers.Flatten(),
        layers.Dense(2, name="d"),
        shape=(3, 3, 1),
    )
    found = places(model, "c")
    assert found["d/kernel", 0] == ("in", [[0, 2, 4, 6], [1, 3, 5, 7]])
    assert found["n/gamma", 0][0] == "channel"
    assert found["n/moving_mean", 0][0] == "mean"
    assert found["n/moving_variance", 0][0] == "stat"


def test_a_residual_sum_makes_one_group_of_both_branches():
    x = keras.Input((6,))
    stem = layers.Dense(5, name="stem")(x)
    branch = layers.Dense(5, name="branch")(layers.Dense(4, name="inner")(stem))
    model = keras.Model(x, layers.Dense(2, name="out")(stem + branch))
    groups = analyse(model).groups
    assert {name: group.units for name, group in groups.items()} == {"stem": 5, "inner": 4}
    assert groups["stem"].layers == ("stem", "inner", "branch", "out")


def test_concatenated_branches_stay_apart():
    x = keras.Input((6,))
    both = layers.Concatenate()([layers.Dense(3, name="a")(x), layers.Dense(4, name="b")(x)])
    model = keras.Model(x, layers.Dense(2, name="out")(both))
    assert {n: g.units for n, g in analyse(model).groups.items()} == {"a": 3, "b": 4}
    assert places(model, "b")["out/kernel", 0] == ("in", [[3], [4], [5], [6]])


def test_a_mask_made_of_a_concatenation_ties_no_channel():
    groups = analyse(masked_words_beside_tags()).groups
    assert {name: group.units for name, group in groups.items()} == {
        "words": 6,
        "tags": 4,
        "lstm": 5,
    }


def test_parts_that_go_different_ways_are_groups_of_their_own():
    x = keras.Input((6,))
    made = layers.Dense(7, name="made")(x)
    heads = [
        layers.Dense(2, name=f"h{n}")(part) for n, part in enumerate((made[:, :3], made[:, 3:]))
    ]
    groups = analyse(keras.Model(x, heads)).groups
    assert {n: g.units for n, g in groups.items()} == {"made": 3, "made:2": 4}


def test_units_of_attention_are_named_by_what_they_are():
    x = keras.Input((5, 8))
    attended = layers.MultiHeadAttention(4, 6, value_dim=3, name="mha")(x, x)
    model = keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling1D()(attended)))
    units = {name: group.units for name, group in analyse(model).groups.items()}
    assert units == {"mha:heads": 4, "mha:key_dim": 6, "mha:value_dim": 3, "mha": 8}


def test_outputs_are_frozen_and_say_so():
    graph = analyse(chain(layers.Dense(3, name="a"), layers.Dense(2, name="b")))
    assert [(info.layer, info.reason) for info in graph.frozen] == [
        ("b", "Its units are outputs of the model.")
    ]


def test_a_mean_over_channels_freezes_them_and_names_the_way_out():
    hidden = (layers.Dense(4, name="a"), layers.LayerNormalization(name="norm"), layers.Dense(2))
    model = chain(*hidden)
    info = next(info for info in analyse(model).frozen if info.layer == "a")
    assert "norm" in info.reason
    assert "approximate" in (info.way_out or "")
    approximate = analyse(model, approximate=True).groups["a"]
    assert approximate.approximate
    assert approximate.units == 4


def test_a_lone_unit_is_frozen():
    graph = analyse(chain(layers.Dense(1, name="a"), layers.Dense(2, name="b")))
    assert graph.groups == {}


def test_a_model_with_a_call_of_its_own_is_frozen_whole():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dense(2)

        def call(self, x):
            return self.inner(x)

    model = Own()
    model(np.zeros((1, 3), np.float32))
    graph = analyse(model)
    assert graph.groups == {}
    assert graph.frozen[0].way_out
    assert prunability(model, graph).groups == ()
    assert output_layers(model) == []


def test_a_layer_that_no_rule_reads_is_frozen_with_all_that_it_touches():
    class Scale(layers.Layer):
        def build(self, shape):
            self.scale = self.add_weight(shape=(shape[-1],), name="scale")

        def call(self, x):
            return x * self.scale

    graph = analyse(chain(layers.Dense(4, name="a"), Scale(name="own"), layers.Dense(2, name="b")))
    assert graph.groups == {}
    assert {info.layer for info in graph.frozen} == {"own", "a", "b"}


@pytest.mark.parametrize("change", ["int8", "adapters"])
def test_quantised_and_adapted_layers_are_left_alone(change: str):
    model = chain(layers.Dense(4, name="a"), layers.Dense(5, name="b"), layers.Dense(2, name="c"))
    if change == "int8":
        for layer in model.layers:
            layer.quantize("int8")
    else:
        model.get_layer("b").enable_lora(2)
    graph = analyse(model)
    assert graph.groups == {}
    assert {info.layer for info in graph.frozen} >= {"a", "b"}
    assert any(info.way_out for info in graph.frozen)


@pytest.mark.parametrize("kept", [{"nobody": [0]}, {"a": []}, {"a": [0, 9]}, {"a": [-1]}])
def test_an_impossible_choice_is_refused(kept: dict[str, list[int]]):
    graph = analyse(chain(layers.Dense(3, name="a"), layers.Dense(2, name="b")))
    with pytest.raises(PruneryError, match="recipe_invalid"):
        graph.cut({name: np.array(units, int) for name, units in kept.items()})


def test_output_layers_are_the_last_with_a_kernel():
    x = keras.Input((6,))
    hidden = layers.Dense(4, name="hidden")(x)
    one = layers.Softmax()(layers.Dense(2, name="one")(hidden))
    inner_x = keras.Input((4,))
    inner = keras.Model(inner_x, layers.Dense(3, name="last")(inner_x), name="inner")
    assert output_layers(keras.Model(x, [one, inner(hidden)])) == ["one", "inner/last"]


def test_prunability_counts_parameters_and_operations_behind_each_group():
    model = chain(layers.Dense(4, name="a"), layers.Dense(8, name="b"), layers.Dense(2, name="c"))
    found = prunability(model, analyse(model))
    a, b = found.groups
    assert (a.name, a.units, a.parameters) == ("a", 4, 6 * 4 + 4 + 4 * 8)
    assert a.flops == 2 * (6 * 4 + 4 * 8)
    assert b.parameters == 4 * 8 + 8 + 8 * 2
    assert found.parameters == 28 + 40 + 18
    assert found.prunable_parameters == 28 + 40 + 16
    assert found.flops == 2 * (24 + 32 + 16)
