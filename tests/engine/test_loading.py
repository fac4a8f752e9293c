"""Models load as they were saved, uncompiled where they must, and never larger than allowed."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from prunery.specs.errors import PruneryError
from worker.engine.loading import load, summarise


def _mlp() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((4,), name="table"),
            layers.Dense(5, activation="relu", kernel_regularizer="l2"),
            layers.Dense(3, activation="softmax", name="kind"),
        ]
    )


def _image() -> keras.Model:
    image = keras.Input((8, 8, 3))
    x = layers.Rescaling(1 / 255)(image)
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(x))
    x = ops.relu(x) + layers.SeparableConv2D(4, 3, padding="same")(x)
    x = ops.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=float("-inf"))
    x = layers.MaxPooling2D()(x)
    x = layers.GlobalAveragePooling2D()(x[:, 1:, :, :])
    return keras.Model(image, layers.Dense(2, dtype="mixed_bfloat16")(x))


def _sequence() -> keras.Model:
    words = keras.Input((5,), dtype="int32")
    x = layers.Embedding(9, 8, mask_zero=True)(words)
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
    x = layers.LayerNormalization()(layers.MultiHeadAttention(2, 3)(x, x))
    return keras.Model(words, layers.TimeDistributed(layers.Dense(2))(x))


def _several() -> keras.Model:
    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    x = layers.Concatenate()([a, b])
    shared = layers.Dense(7)
    return keras.Model({"a": a, "b": b}, {"p": layers.Dense(2)(shared(x)), "q": shared(x)})


def _moving() -> keras.Model:
    return keras.Sequential([keras.Input((3, 6, 6, 2)), layers.ConvLSTM2D(2, 3), layers.Flatten()])


def _unusual_names() -> keras.Model:
    image = keras.Input((4,), name="größe")
    return keras.Model(image, layers.Dense(2, name="my dense")(image), name="netz 1")


NETS = [_mlp, _image, _sequence, _several, _moving, _unusual_names]


def _compiled(build: Callable[[], keras.Model], optimizer: Any = "adam") -> keras.Model:
    """A net with optimizer state that is not what it began with."""
    keras.utils.set_random_seed(1)
    model = build()
    model.compile(optimizer, loss="mse", metrics=["mae"])
    model.optimizer.build(model.trainable_variables)
    generator = np.random.default_rng(0)
    for variable in model.optimizer.variables:
        if "float" in str(variable.dtype) and variable.shape:
            variable.assign(generator.random(variable.shape))
    model.optimizer.iterations.assign(7)
    return model


@pytest.mark.parametrize("build", NETS)
@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_saved_model_comes_back_whole(
    tmp_path: Path, build: Callable[[], keras.Model], ending: str
) -> None:
    model = _compiled(build)
    path = tmp_path / f"net.{ending}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras calls .h5 old
        model.save(path)
    loaded = load(path)
    for found, expected in zip(loaded.model.weights, model.weights, strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
    for found, expected in zip(
        loaded.model.optimizer.variables, model.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
    assert loaded.optimizer_state
    if ending == "keras":  # Keras' own loader of .h5 knows no operations
        plain = keras.saving.load_model(path, compile=False)
        assert json.dumps(loaded.model.get_config()) == json.dumps(plain.get_config())
    assert loaded.compiled is not None
    assert loaded.compiled.loss == "mse"
    assert loaded.format == ending


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize(
    ("loss", "metrics"),
    [
        (keras.losses.mean_squared_error, [keras.metrics.mean_absolute_error]),
        (keras.losses.LogCosh(), [keras.metrics.R2Score()]),
        ([keras.losses.BinaryCrossentropy(label_smoothing=0.1)], [["mae"]]),
        ("mse", [keras.metrics.MeanMetricWrapper(keras.metrics.binary_accuracy)]),
    ],
)
def test_losses_and_metrics_in_every_spelling_survive(
    tmp_path: Path, ending: str, loss: Any, metrics: Any
) -> None:
    model = _mlp()
    model.compile("sgd", loss=loss, metrics=metrics)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(tmp_path / f"net.{ending}")
    loaded = load(tmp_path / f"net.{ending}")
    assert loaded.notes == []
    assert loaded.compiled is not None
    x, y = np.ones((4, 4)), np.ones((4, 3))
    assert loaded.model.evaluate(x, y, verbose=0)[0] == pytest.approx(
        model.evaluate(x, y, verbose=0)[0]
    )


def test_names_that_tensorflow_refuses_are_trained_under_an_alias(tmp_path: Path) -> None:
    model = _compiled(_unusual_names)
    model.save(tmp_path / "net.keras")
    loaded = load(tmp_path / "net.keras").model
    loaded.fit(np.zeros((4, 4)), np.zeros((4, 2)), verbose=0)
    loaded.save(tmp_path / "again.keras")
    assert keras.saving.load_model(tmp_path / "again.keras").get_layer("my dense") is not None


def test_an_uncompiled_model_says_so(tmp_path: Path) -> None:
    _mlp().save(tmp_path / "net.keras")
    loaded = load(tmp_path / "net.keras")
    assert loaded.compiled is None
    assert loaded.compile_config is None
    assert not loaded.optimizer_state


def test_a_compiled_model_that_never_trained_loads_without_a_word(tmp_path: Path) -> None:
    model = _mlp()
    model.compile("rmsprop", loss="mse")
    model.save(tmp_path / "net.keras")
    loaded = load(tmp_path / "net.keras")
    assert loaded.compiled is not None
    assert not loaded.optimizer_state
    assert loaded.notes == []


def test_a_spent_schedule_is_still_the_schedule_it_was(tmp_path: Path) -> None:
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    model = _compiled(_mlp, keras.optimizers.SGD(schedule))
    model.optimizer.iterations.assign(10)
    model.save(tmp_path / "net.keras")
    loaded = load(tmp_path / "net.keras")
    assert loaded.compiled is not None
    assert loaded.compiled.learning_rate == pytest.approx(0.1)
    assert float(loaded.model.optimizer.learning_rate) == pytest.approx(0.0, abs=1e-9)
    assert loaded.spent_schedule
    assert any("schedule" in note for note in loaded.notes)
    model.optimizer.iterations.assign(3)
    model.save(tmp_path / "early.keras")
    assert not load(tmp_path / "early.keras").spent_schedule


def _rewritten(tmp_path: Path, change: Callable[[dict[str, Any]], None], **more: bytes) -> Path:
    """A saved net whose configuration was edited afterwards."""
    _compiled(_mlp).save(tmp_path / "honest.keras")
    path = tmp_path / "edited.keras"
    with (
        zipfile.ZipFile(tmp_path / "honest.keras") as honest,
        zipfile.ZipFile(path, "w") as edited,
    ):
        for name in honest.namelist():
            content = honest.read(name)
            if name == "config.json":
                document = json.loads(content)
                change(document)
                content = json.dumps(document).encode()
            edited.writestr(name, content)
        for name, content in more.items():
            edited.writestr(name.replace("__", "/"), content)
    return path


def test_a_loss_of_ones_own_leaves_the_model_uncompiled(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["compile_config"]["loss"] = {
            "module": "builtins",
            "class_name": "function",
            "config": "my_loss",
            "registered_name": "function",
        }

    loaded = load(_rewritten(tmp_path, change))
    assert loaded.compiled is None
    assert any("my_loss" in note and "training.loss" in note for note in loaded.notes)


def test_metrics_given_as_loss_weights_are_left_out(tmp_path: Path) -> None:
    model = _mlp()
    model.compile("adam", "categorical_crossentropy", ["accuracy"])
    model.save(tmp_path / "net.keras")
    loaded = load(tmp_path / "net.keras")
    assert any("loss_weights that are no numbers" in note for note in loaded.notes)
    loaded.model.fit(np.zeros((2, 4)), np.eye(3)[:2], verbose=0)


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["config"]["layers"][2]["config"]["units"] = 6

    with pytest.raises(PruneryError) as caught:
        load(_rewritten(tmp_path, change))
    assert caught.value.code == "model_weights_invalid"
    assert str(tmp_path) not in str(caught.value)


def test_weights_of_keras_3_with_their_architecture_beside_them_load(tmp_path: Path) -> None:
    model = _image()
    model.save_weights(tmp_path / "net.weights.h5")
    with zipfile.ZipFile(tmp_path / "pair.zip", "w") as pair:
        pair.write(tmp_path / "net.weights.h5", "net.weights.h5")
        pair.writestr("net.json", model.to_json())
    loaded = load(tmp_path / "pair.zip")
    for found, expected in zip(loaded.model.weights, model.weights, strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
    with pytest.raises(PruneryError) as caught:
        load(tmp_path / "net.weights.h5")
    assert caught.value.code == "model_weights_only"


def test_a_vocabulary_kept_as_an_asset_is_read(tmp_path: Path) -> None:
    lookup = layers.StringLookup()
    lookup.adapt(["cat", "dog", "cat"])
    inputs = keras.Input((1,), dtype="string")
    keras.Model(inputs, layers.Embedding(4, 2)(lookup(inputs))).save(tmp_path / "a.keras")
    found = load(tmp_path / "a.keras").model
    lookups = [each for each in found.layers if isinstance(each, layers.StringLookup)]
    assert lookups[0].get_vocabulary() == ["[UNK]", "cat", "dog"]


def test_a_summary_tells_what_the_model_is(tmp_path: Path) -> None:
    _compiled(_mlp).save(tmp_path / "a.keras")
    summary = summarise(load(tmp_path / "a.keras"))
    assert [tensor.name for tensor in summary.inputs] == ["table"]
    assert summary.inputs[0].shape == (4,)
    assert [tensor.name for tensor in summary.outputs] == ["kind"]
    assert summary.output_activation == "softmax"
    assert summary.parameters == 4 * 5 + 5 + 5 * 3 + 3
    assert not summary.scales_inputs
    _compiled(_image).save(tmp_path / "b.keras")
    summary = summarise(load(tmp_path / "b.keras"))
    assert summary.scales_inputs
    assert summary.has_normalization
    assert summary.has_residuals
    assert summary.output_activation is None
    _sequence().save(tmp_path / "d.keras")
    assert summarise(load(tmp_path / "d.keras")).scales_inputs
    _compiled(_several).save(tmp_path / "c.keras")
    summary = summarise(load(tmp_path / "c.keras"))
    assert [tensor.name for tensor in summary.inputs] == ["a", "b"]
    assert [tensor.name for tensor in summary.outputs] == ["p", "q"]


def test_a_summary_tells_how_many_entries_the_table_of_an_input_has(tmp_path: Path) -> None:
    words, facts = keras.Input((6,), name="words"), keras.Input((6,), name="facts")
    inside = keras.Input((6, 1))
    table = layers.Embedding(20, 4)(layers.Reshape((6,))(inside))
    deep = keras.Model([inside, keras.Input((6,), name="other")], table)
    kept = layers.Embedding(50, 4)(words)
    looked_up = deep([layers.Reshape((6, 1))(words), facts])
    joined = layers.Concatenate()([layers.Flatten()(kept), layers.Flatten()(looked_up), facts])
    keras.Model([words, facts], layers.Dense(2)(joined)).save(tmp_path / "a.keras")
    summary = summarise(load(tmp_path / "a.keras"))
    assert {tensor.name: tensor.entries for tensor in summary.inputs} == {
        "words": 20,
        "facts": None,
    }
