"""The compact model has the upload's structure: only sizes differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from prunery.specs.errors import PruneryError
from tests.engine.cutting import cut, half, inputs, outputs, randomise
from worker.engine.compaction.rebuild import compact
from worker.engine.graph import analyse
from worker.engine.masks import layer_paths, variable_keys


def block(name: str, width: int = 8) -> keras.Model:
    x = keras.Input((width,), name="entry")
    y = layers.Dense(10, activation="relu", name="up")(x)
    return keras.Model(x, layers.Dense(width, name="down")(y), name=name)


def test_a_sequential_stays_one_with_its_names():
    hidden = [layers.Dense(8, activation="relu", name="a"), layers.Dropout(0.5, name="drop")]
    model = keras.Sequential([keras.Input((6,), name="x"), *hidden, layers.Dense(2)], name="net")
    _, found = cut(randomise(model))
    assert type(found.model) is keras.Sequential
    assert found.model.name == "net"
    assert [layer.name for layer in found.model.layers] == [layer.name for layer in model.layers]
    assert [t.name for t in found.model.inputs] == ["x"]
    assert found.model.layers[0].units == 4


def test_nested_models_stay_nested_and_shared_ones_shared():
    x = keras.Input((6,))
    first, second = layers.Dense(8, name="p")(x), layers.Dense(8, name="q")(x)
    shared = block("shared")
    inner = keras.Sequential([keras.Input((8,)), layers.Dense(7, name="i")], name="inner")
    joined = layers.Concatenate()([shared(first), shared(second), inner(first)])
    _, found = cut(randomise(keras.Model(x, layers.Dense(2)(joined))))
    smaller = found.model.get_layer("shared")
    assert len([layer for layer in found.model.layers if layer.name == "shared"]) == 1
    assert smaller.get_layer("up").units == 5
    assert type(found.model.get_layer("inner")) is keras.Sequential
    assert "shared/up/kernel" in found.keep


def test_inputs_and_outputs_keep_their_structure():
    given = {"left": keras.Input((6,), name="left"), "right": keras.Input((4,), name="right")}
    y = layers.Concatenate()([layers.Dense(8)(given["left"]), layers.Dense(6)(given["right"])])
    results = {"one": layers.Dense(2, name="one")(y), "two": [layers.Dense(3, name="two")(y)]}
    model = randomise(keras.Model(given, results))
    _, found = cut(model)
    assert found.model.input.keys() == model.input.keys()
    assert isinstance(found.model.output["two"], list)
    assert found.model.output_names == model.output_names
    x = {"left": np.ones((2, 6), np.float32), "right": np.ones((2, 4), np.float32)}
    assert found.model(x)["two"][0].shape == (2, 3)


@pytest.mark.filterwarnings("ignore:When providing")
def test_dict_keys_need_not_be_the_inputs_names():
    given = {"a": keras.Input((6,), name="x")}
    _, found = cut(randomise(keras.Model(given, layers.Dense(2)(layers.Dense(8)(given["a"])))))
    assert found.model.input.keys() == {"a"}


def test_configurations_keep_everything_but_sizes():
    layer = layers.Dense(
        8,
        activation="tanh",
        kernel_initializer=keras.initializers.HeNormal(seed=3),
        kernel_regularizer=keras.regularizers.L1L2(0.1, 0.2),
        bias_constraint=keras.constraints.NonNeg(),
        activity_regularizer="l2",
        dtype="mixed_float16",
        name="a",
    )
    model = keras.Sequential([keras.Input((6,)), layer, layers.Dense(2)])
    found = compact(model, analyse(model), {"a": np.array([1, 3])}).model
    before, after = layer.get_config(), found.get_layer("a").get_config()
    assert after.pop("units") == 2
    before.pop("units")
    assert before == after
    assert found.get_layer("a").compute_dtype == "float16"
    assert found.get_layer("a").kernel.dtype == "float32"


def test_what_wrappers_hold_is_named_as_in_the_upload(tmp_path: Path):
    """Loaded, both directions of this one hold an `lstm_cell`, and the path names neither."""
    x = keras.Input((5, 3))
    y = layers.Bidirectional(layers.RNN(layers.LSTMCell(6)), name="both")(x)
    randomise(keras.Model(x, layers.Dense(2)(y))).save(tmp_path / "net.keras")
    model = keras.saving.load_model(tmp_path / "net.keras")
    _, found = cut(model)
    assert list(variable_keys(found.model)) == list(variable_keys(model))
    assert found.model.get_layer("both").forward_layer.cell.units == 3


def test_trainable_flags_are_kept():
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, name="a"), block("b"), layers.Dense(2)]
    )
    model.get_layer("a").trainable = False
    model.get_layer("b").get_layer("up").trainable = False
    found = compact(model, analyse(model), half(analyse(model))).model
    flags = {path: layer.trainable for path, layer in layer_paths(model).items()}
    assert {path: layer.trainable for path, layer in layer_paths(found).items()} == flags
    assert len(found.trainable_weights) == len(model.trainable_weights) == 4


def test_calls_of_a_shared_layer_keep_their_order():
    x, y = keras.Input((6,), name="x"), keras.Input((6,), name="y")
    shared = layers.Dense(5, name="shared")
    late = shared(layers.Dense(6, name="deeper")(layers.Dense(6)(x)))
    early = shared(y)
    model = keras.Model([x, y], layers.Dense(2)(layers.Subtract()([early, late])))
    found = compact(model, analyse(model), {}).model
    assert found.get_config() == model.get_config()


def test_without_a_choice_nothing_changes():
    model = randomise(block("whole"))
    found = compact(model, analyse(model), {})
    assert found.keep == {}
    assert found.model.get_config() == model.get_config()
    for key, variable in variable_keys(found.model).items():
        np.testing.assert_array_equal(variable, variable_keys(model)[key])


def test_weights_are_sub_tensors_bit_for_bit_in_order():
    x = keras.Input((9, 9, 3))
    y = layers.Conv2D(8, 3, padding="same")(x)
    y = layers.Add()([y, layers.Conv2D(8, 3, padding="same")(layers.BatchNormalization()(y))])
    model = randomise(keras.Model(x, layers.Dense(3)(layers.Flatten()(y))))
    graph = analyse(model)
    found = compact(model, graph, half(graph))
    for key, variable in variable_keys(found.model).items():
        value = np.asarray(variable_keys(model)[key])
        for axis, indices in found.keep.get(key, {}).items():
            assert (np.diff(indices) > 0).all()
            value = np.take(value, indices, axis)
        assert value.tobytes() == np.asarray(variable).tobytes()


def pretrained() -> keras.Model:
    table = np.random.default_rng(0).normal(size=(20, 8)).astype("float32")
    words = keras.Input((5,), dtype="int32")
    y = layers.Embedding(20, 8, embeddings_initializer=keras.initializers.Constant(table))(words)
    return keras.Model(words, layers.Dense(2)(layers.LSTM(6)(y)))


def test_an_initializer_that_holds_an_array_is_cut():
    _, found = cut(pretrained())
    config = found.model.layers[1].get_config()["embeddings_initializer"]["config"]
    assert np.shape(config["value"]["config"]["value"]) == (20, 4)


def noise() -> keras.Model:
    x = keras.Input((4, 6))
    y = layers.Dropout(0.5, noise_shape=(None, 1, 8))(layers.Dense(8)(x))
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(y)))


def test_a_noise_shape_shrinks_and_the_net_trains_on():
    _, found = cut(randomise(noise()))
    assert found.model.layers[2].noise_shape == (None, 1, 4)
    found.model(np.ones((2, 4, 6), np.float32), training=True)


def masked_words() -> keras.Model:
    words = keras.Input((7,), dtype="int32")
    y = layers.Embedding(6, 8, mask_zero=True)(words)
    y = layers.Bidirectional(layers.LSTM(5, return_sequences=True))(y)
    y = layers.MultiHeadAttention(2, 4)(y, y)
    return keras.Model(words, layers.Dense(2)(layers.GlobalAveragePooling1D()(y)))


def explicit_arguments() -> keras.Model:
    x, mask = keras.Input((6, 5)), keras.Input((6,), dtype="bool")
    y = layers.GRU(8, return_sequences=True)(x, mask=mask)
    y = layers.MultiHeadAttention(4, 5)(y, y, use_causal_mask=True)
    y = layers.BatchNormalization()(y, training=False)
    return keras.Model([x, mask], layers.Dense(2)(layers.GlobalAveragePooling1D()(y)))


def free_dimensions() -> keras.Model:
    x = keras.Input((None, None, 3))
    y = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    y = layers.Reshape((-1, 8))(y * ops.sigmoid(ops.mean(y, (1, 2), keepdims=True)))
    return keras.Model(x, layers.Dense(2)(ops.max(layers.Dense(6)(y), axis=1)))


def fixed_batch() -> keras.Model:
    x = keras.Input(batch_shape=(4, 5, 3))
    y = layers.LSTM(8, stateful=True, return_sequences=True)(x)
    return keras.Model(x, layers.Dense(2)(layers.GRU(6)(y)))


def half_precision() -> keras.Model:
    x = keras.Input((8, 8, 3))
    y = layers.Conv2D(8, 3, dtype="mixed_float16")(x)
    y = layers.PReLU(shared_axes=(1, 2), dtype="mixed_float16")(y)
    y = layers.GlobalAveragePooling2D(dtype="mixed_float16")(y)
    return keras.Model(x, layers.Dense(2, dtype="float32")(y))


@pytest.mark.parametrize(
    "build", [masked_words, explicit_arguments, free_dimensions, fixed_batch, half_precision]
)
def test_masks_arguments_and_shapes_are_carried_over(build: Any):
    coarse = 5e-3 if build is half_precision else 1e-5
    graph, found = cut(randomise(build()), tolerance=coarse)
    assert graph.groups
    assert found.keep


def test_the_given_model_is_left_alone():
    model = randomise(block("kept"))
    given = inputs(model)
    before = outputs(model, given)
    calls = [len(layer._inbound_nodes) for layer in model.layers]
    graph = analyse(model)
    compact(model, graph, half(graph))
    assert [len(layer._inbound_nodes) for layer in model.layers] == calls
    np.testing.assert_array_equal(before[0], outputs(model, given)[0])


def test_what_does_not_fit_together_is_refused():
    x = keras.Input((6,))
    y = layers.Dense(4, name="a")(x)
    model = keras.Model(x, layers.Dense(2, name="b")(y))
    graph = analyse(model)
    del graph.record.edits[id(model.get_layer("a"))]
    with pytest.raises(PruneryError, match="not_proven"):
        compact(model, graph, {"a": np.array([0, 1])})


def test_another_models_graph_is_refused():
    with pytest.raises(PruneryError, match="internal"):
        compact(block("one"), analyse(block("two")), {})
