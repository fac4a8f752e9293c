"""What Keras 2 and tf-keras wrote loads, and answers what it answered there."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from prunery.specs.errors import PruneryError
from tests.engine.legacy.make_files import FILES, NETS
from worker.engine.loading import load, summarise
from worker.engine.loading.build import live_operations


def _answers(model: keras.Model, name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    arrays = np.load(FILES / f"{name}.npz")
    inputs = [arrays[key] for key in arrays if key.startswith("x")]
    expected = [arrays[key] for key in arrays if key.startswith("y")]
    found = model(inputs if len(inputs) > 1 else inputs[0])
    found = list(found) if isinstance(found, list | tuple) else [found]
    return [(a.numpy(), b) for a, b in zip(found, expected, strict=True)]


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_a_file_of_keras_2_answers_as_it_did_there(name: str, ending: str) -> None:
    loaded = load(FILES / f"{name}.{ending}")
    for found, expected in _answers(loaded.model, name):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert loaded.keras_version is not None
    assert any("translated" in note for note in loaded.notes)
    assert summarise(loaded).parameters == loaded.model.count_params()


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_the_compile_configuration_of_keras_2_survives(ending: str) -> None:
    loaded = load(FILES / f"convolutional.{ending}")
    assert loaded.compiled is not None
    assert loaded.compiled.loss == "SparseCategoricalCrossentropy"
    assert isinstance(loaded.model.optimizer, keras.optimizers.SGD)
    assert loaded.model.optimizer.momentum == pytest.approx(0.9)
    schedule = loaded.model.optimizer._learning_rate
    assert isinstance(schedule, keras.optimizers.schedules.ExponentialDecay)
    assert loaded.model.loss.from_logits


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_losses_given_as_old_strings_and_by_output_are_understood(ending: str) -> None:
    loaded = load(FILES / f"two_outputs.{ending}")
    assert loaded.compiled is not None
    assert loaded.compiled.loss == "p: mse, q: binary_crossentropy"


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_decay_of_an_old_optimizer_becomes_the_same_schedule(ending: str) -> None:
    optimizer = load(FILES / f"two_inputs.{ending}").model.optimizer
    schedule = optimizer._learning_rate
    assert isinstance(schedule, keras.optimizers.schedules.InverseTimeDecay)
    assert float(schedule(1000)) == pytest.approx(1e-3 / 2, rel=1e-3)


def test_a_slash_in_a_layer_name_is_written_otherwise() -> None:
    paths = summarise(load(FILES / "transfer.keras")).layer_paths
    assert "backbone/block_conv" in paths
    frozen = load(FILES / "transfer.h5").model.get_layer("backbone")
    assert not frozen.trainable


def test_a_one_tensor_output_of_a_nested_model_is_a_tensor() -> None:
    model = load(FILES / "teachable.h5").model
    nested = model.layers[0].layers[0]
    assert not isinstance(nested.output, list)


def test_weights_only_is_refused_with_the_way_out() -> None:
    with pytest.raises(PruneryError) as caught:
        load(FILES / "tabular_weights_only.h5")
    assert caught.value.code == "model_weights_only"
    assert "to_json" in caught.value.hint


def test_weights_only_with_its_architecture_beside_it_loads(tmp_path: Path) -> None:
    path = tmp_path / "pair.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(FILES / "tabular_weights_only.h5", "net.h5")
        archive.write(FILES / "tabular_architecture.json", "net.json")
    loaded = load(path)
    for found, expected in _answers(loaded.model, "tabular"):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert loaded.format == "h5"
    assert loaded.compiled is None


def test_a_zip_as_teachable_machine_hands_it_out_loads(tmp_path: Path) -> None:
    path = tmp_path / "converted_keras.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(FILES / "teachable.h5", "keras_model.h5")
        archive.writestr("labels.txt", "0 cat\n1 dog\n")
    for found, expected in _answers(load(path).model, "teachable"):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def _edited(tmp_path: Path, name: str, **attributes: object) -> Path:
    """A committed .h5 file with attributes replaced, as an older Keras would have written them."""
    path = tmp_path / f"{name}.h5"
    path.write_bytes((FILES / f"{name}.h5").read_bytes())
    with h5py.File(path, "r+") as opened:
        for key, value in attributes.items():
            del opened.attrs[key]
            opened.attrs[key] = value if isinstance(value, str) else json.dumps(value)
    return path


def test_lr_in_an_optimizer_of_tf_1_is_the_learning_rate(tmp_path: Path) -> None:
    training = {
        "optimizer_config": {"class_name": "Adam", "config": {"lr": 0.02, "decay": 0.0}},
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
        "loss_weights": None,
        "sample_weight_mode": None,
    }
    loaded = load(_edited(tmp_path, "tabular", training_config=training))
    assert loaded.compiled is not None
    assert loaded.compiled.learning_rate == pytest.approx(0.02)
    assert loaded.compiled.metrics == ("accuracy",)


def test_a_sequential_model_of_old_keras_is_a_bare_list_of_layers(tmp_path: Path) -> None:
    with h5py.File(FILES / "tabular.h5") as opened:
        config = json.loads(opened.attrs["model_config"])
    layers = [layer for layer in config["config"]["layers"] if layer["class_name"] != "InputLayer"]
    layers[0]["config"]["batch_input_shape"] = [None, 4]
    layers[0]["config"]["kernel_initializer"] = {
        "class_name": "VarianceScaling",
        "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "normal", "dtype": "float32"},
    }
    bare = {"class_name": "Sequential", "config": layers}
    loaded = load(_edited(tmp_path, "tabular", model_config=bare, keras_version="2.1.6"))
    for found, expected in _answers(loaded.model, "tabular"):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def _old_hard_sigmoid(x: object) -> object:
    return keras.ops.clip(0.2 * x + 0.5, 0, 1)


def test_hard_sigmoid_of_an_old_file_answers_with_its_old_slope(tmp_path: Path) -> None:
    with h5py.File(FILES / "recurrent.h5") as opened:
        config = opened.attrs["model_config"].replace(
            '"recurrent_activation": "sigmoid"', '"recurrent_activation": "hard_sigmoid"'
        )
    loaded = load(_edited(tmp_path, "recurrent", model_config=config))
    expected = load(FILES / "recurrent.h5").model
    for operation in live_operations(expected):
        if isinstance(operation, keras.layers.LSTMCell | keras.layers.GRUCell):
            operation.recurrent_activation = _old_hard_sigmoid
    x = np.load(FILES / "recurrent.npz")["x0"]
    np.testing.assert_allclose(loaded.model(x), expected(x), atol=1e-6)
    assert any("multiplied by 1.2" in note for note in loaded.notes)


def test_an_old_hard_sigmoid_after_a_kernel_or_alone(tmp_path: Path) -> None:
    with h5py.File(FILES / "tabular.h5") as opened:
        config = opened.attrs["model_config"]
    after = config.replace('"activation": "relu"', '"activation": "hard_sigmoid"')
    loaded = load(_edited(tmp_path, "tabular", model_config=after))
    expected = load(FILES / "tabular.h5").model
    expected.layers[0].activation = _old_hard_sigmoid
    x = np.load(FILES / "tabular.npz")["x0"]
    np.testing.assert_allclose(loaded.model(x), expected(x), atol=1e-6)
    assert not loaded.optimizer_state

    document = json.loads(config)
    for layer in document["config"]["layers"]:
        if layer["class_name"] == "Dropout":
            layer["class_name"] = "Activation"
            layer["config"] = {"name": "alone", "activation": "hard_sigmoid"}
    loaded = load(_edited(tmp_path, "tabular", model_config=document))
    assert any("'alone' differ" in note for note in loaded.notes)


def test_an_unknown_tensorflow_function_is_refused_by_name(tmp_path: Path) -> None:
    with h5py.File(FILES / "tensorflow_functions.h5") as opened:
        config = opened.attrs["model_config"].replace('"nn.relu"', '"io.read_file"')
    with pytest.raises(PruneryError) as caught:
        load(_edited(tmp_path, "tensorflow_functions", model_config=config))
    assert caught.value.code == "model_custom_object"
    assert "TFOpLambda" in caught.value.detail


def test_functions_of_ones_own_that_keras_2_wrote_by_name(tmp_path: Path) -> None:
    with h5py.File(FILES / "tabular.h5") as opened:
        training = json.loads(opened.attrs["training_config"])
    loaded = load(_edited(tmp_path, "tabular", training_config=training | {"loss": "mine"}))
    assert loaded.compiled is None
    assert any("'mine'" in note for note in loaded.notes)

    metrics = training | {"metrics": [["dice_coef", "accuracy"]]}
    loaded = load(_edited(tmp_path, "tabular", training_config=metrics))
    assert any("dice_coef" in note for note in loaded.notes)
    x, y = np.zeros((2, 4), "float32"), np.array([0, 1])
    assert len(loaded.model.evaluate(x, y, verbose=0)) == 2


def test_an_output_without_metrics_is_no_fault(tmp_path: Path) -> None:
    with h5py.File(FILES / "two_outputs.h5") as opened:
        training = json.loads(opened.attrs["training_config"])
    metrics = training | {"metrics": [[None], ["mae"]]}
    model = load(_edited(tmp_path, "two_outputs", training_config=metrics)).model
    x = np.zeros((2, 6, 6, 3), "float32")
    model.evaluate(x, {"p": np.zeros((2, 2)), "q": np.zeros((2, 1))}, verbose=0)
