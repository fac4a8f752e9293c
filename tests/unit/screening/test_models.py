"""The first look at model files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prunery.screening.models import screen_model
from prunery.specs.errors import PruneryError
from prunery.specs.job import EngineLimits
from tests.unit.screening.builders import archive, dense, keras_config, keras_file, layer

HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(100)


def _code(path: Path, name: str | None = None, limits: EngineLimits | None = None) -> str:
    with pytest.raises(PruneryError) as caught:
        screen_model(path, name or path.name, limits)
    return caught.value.code


def _file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_ordinary_models_pass(tmp_path: Path) -> None:
    good = keras_file(tmp_path / "a.keras", keras_config(dense()))
    assert screen_model(good, "a.keras").format == "keras"
    assert screen_model(_file(tmp_path / "b.h5", HDF5), "B.H5").format == "h5"
    # TensorFlow up to 2.12 wrote HDF5 under this ending, too.
    assert screen_model(_file(tmp_path / "c.keras", HDF5), "c.keras").format == "h5"


def test_content_must_agree_with_the_name(tmp_path: Path) -> None:
    good = keras_file(tmp_path / "a.keras", keras_config(dense()))
    assert _code(good, "a.h5") == "file_type_mismatch"
    assert _code(_file(tmp_path / "b.h5", HDF5), "b.zip") == "file_type_mismatch"
    assert _code(_file(tmp_path / "c.keras", b"hello")) == "file_type_mismatch"
    assert _code(_file(tmp_path / "d.keras", b"")) == "file_empty"
    assert _code(good, "a.pkl") == "file_type_unsupported"


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("a.pkl", "pickle can run code"),
        ("net.tflite", "converted from"),
        ("net.ONNX", "Keras model that it came from"),
        ("net.pt", "PyTorch"),
        ("saved_model.pb", "the Keras that made it"),
        ("arch.json", "weights"),
        ("net", "model.save"),
    ],
)
def test_what_is_no_keras_file_is_told_the_way_out(tmp_path: Path, name: str, word: str) -> None:
    with pytest.raises(PruneryError, match="read as models") as caught:
        screen_model(_file(tmp_path / "a", b"anything"), name)
    assert word in (caught.value.hint or "")


def test_a_lambda_layer_is_refused_and_named(tmp_path: Path) -> None:
    bad = keras_file(tmp_path / "a.keras", keras_config(layer("Lambda", name="trick", function={})))
    with pytest.raises(PruneryError, match="Lambda") as caught:
        screen_model(bad, "a.keras")
    assert caught.value.code == "model_unsafe_object"
    assert "trick" in caught.value.detail


def test_an_archive_that_is_no_keras_file_is_refused(tmp_path: Path) -> None:
    config = json.dumps(keras_config(dense()))
    assert _code(archive(tmp_path / "a.keras", {"config.json": config})) == "archive_invalid"
    extra = {"config.json": config, "model.weights.h5": HDF5, "evil.py": "x"}
    assert _code(archive(tmp_path / "b.keras", extra)) == "archive_invalid"
    assert _code(archive(tmp_path / "c.zip", {"a.txt": "x"})) == "file_type_mismatch"
    arrays = {"config.json": config, "model.weights.npz": b"pickles"}
    assert _code(archive(tmp_path / "d.keras", arrays)) == "model_weights_invalid"


def test_a_broken_configuration_is_refused(tmp_path: Path) -> None:
    assert _code(keras_file(tmp_path / "a.keras", "{")) == "model_config_invalid"
    assert _code(keras_file(tmp_path / "b.keras", [1])) == "model_config_invalid"
    assert _code(keras_file(tmp_path / "c.keras", '{"a": 1, "a": 2}')) == "model_config_invalid"


def test_the_limits_are_the_servers(tmp_path: Path) -> None:
    many = keras_config(*[dense(name=f"d{i}") for i in range(9)])
    bad = keras_file(tmp_path / "a.keras", many)
    assert _code(bad, limits=EngineLimits(layers=5)) == "model_too_large"


def test_an_unsafe_loss_refuses_the_model_and_a_custom_one_does_not(tmp_path: Path) -> None:
    unsafe = {"class_name": "function", "module": "os", "config": "system"}
    custom = {"class_name": "function", "module": "builtins", "config": "my_loss"}
    bad = keras_config(dense(), compile_config={"loss": unsafe, "optimizer": None})
    assert _code(keras_file(tmp_path / "a.keras", bad)) == "model_unsafe_object"
    fine = keras_config(dense(), compile_config={"loss": custom, "optimizer": None})
    assert screen_model(keras_file(tmp_path / "b.keras", fine), "b.keras").format == "keras"


def test_claiming_to_be_old_opens_no_door(tmp_path: Path) -> None:
    """The translation of old files comes before the check, and adds nothing that passes it."""
    for bad in (
        layer("Lambda", "tf_keras.layers", name="x", function={}),
        layer("Lambda", "keras.src.layers.core.lambda_layer", name="x"),
        layer("Switch", "keras.src.layers", name="x"),
        {**layer("TFSMLayer", name="x"), "module": None},
        layer("TFOpLambda", "keras.src.layers", name="x", function="io.write_file"),
    ):
        document = keras_config(bad)
        members = {
            "metadata.json": json.dumps({"keras_version": "2.13.1"}),
            "config.json": json.dumps(document),
            "model.weights.h5": HDF5,
        }
        code = _code(archive(tmp_path / "a.keras", members))
        assert code in ("model_unsafe_object", "model_custom_object")


def test_a_pair_of_weights_and_architecture_passes_the_first_look(tmp_path: Path) -> None:
    pair = archive(tmp_path / "a.zip", {"net.h5": HDF5, "net.json": "{}"})
    assert screen_model(pair, "a.zip").format == "h5"
    machine = archive(tmp_path / "b.zip", {"keras_model.h5": HDF5, "labels.txt": "0 cat"})
    assert screen_model(machine, "b.zip").format == "h5"


def test_a_saved_model_is_told_how_to_come(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"m/saved_model.pb": b"x", "m/variables/x": b"y"})
    with pytest.raises(PruneryError) as caught:
        screen_model(path, "a.zip")
    assert caught.value.code == "file_type_unsupported"
    assert "net.keras" in caught.value.hint
