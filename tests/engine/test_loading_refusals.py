"""What cannot be loaded is refused, by name, before it costs anything."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from prunery.specs.errors import PruneryError
from prunery.specs.job import EngineLimits
from tests.engine.training_nets import mlp
from tests.unit.screening.builders import dense, keras_config, keras_file, layer
from worker.engine.loading import load


def _huge(tmp_path: Path) -> Path:
    """A few bytes that ask for a petabyte."""
    huge = [dense(2**24, name=f"d{i}") for i in range(2)]
    return keras_file(tmp_path / "a.keras", keras_config(*huge))


def test_a_size_that_would_fill_the_machine_is_refused_before_allocating(tmp_path: Path) -> None:
    with pytest.raises(PruneryError) as caught:
        load(_huge(tmp_path))
    assert caught.value.code == "model_too_large"


def test_activations_are_limited_too(tmp_path: Path) -> None:
    path = keras_file(
        tmp_path / "a.keras",
        keras_config(layer("RepeatVector", name="r", n=2**24), layer("Flatten", name="f")),
    )
    with pytest.raises(PruneryError) as caught:
        load(path, limits=EngineLimits(parameters=1_000_000))
    assert caught.value.code == "model_too_large"


def test_weights_that_are_missing_are_refused(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "a.keras", keras_config(dense()), weights=b"nothing")
    with pytest.raises(PruneryError) as caught:
        load(path)
    assert caught.value.code == "model_weights_invalid"


@pytest.mark.parametrize(("name", "value"), [("a.keras", np.nan), ("a.h5", -np.inf)])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, name: str, value: float) -> None:
    model = mlp()
    kernel = model.weights[0]
    values = np.array(kernel)
    values[-1, -1] = value
    kernel.assign(values)
    model.save(tmp_path / name)
    with pytest.raises(PruneryError) as caught:
        load(tmp_path / name)
    assert caught.value.code == "model_weights_invalid"
    assert "hidden/kernel' holds NaN or infinity in 1 of" in caught.value.detail


def test_a_configuration_that_keras_cannot_build_is_refused(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "a.keras", keras_config(dense(no_such_setting=1)))
    with pytest.raises(PruneryError) as caught:
        load(path)
    assert caught.value.code == "model_cannot_load"
    assert "no_such_setting" in caught.value.detail


def test_a_model_without_an_input_shape_is_refused(tmp_path: Path) -> None:
    document = keras_config(dense())
    document["config"]["layers"].pop(0)
    with pytest.raises(PruneryError) as caught:
        load(keras_file(tmp_path / "a.keras", document))
    assert caught.value.code == "model_cannot_load"
    assert "keras.Input" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b"hello", "file_type_unsupported"),
        (b"PK\x03\x04", "archive_invalid"),
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "model_weights_invalid"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "net.keras"
    path.write_bytes(content)
    with pytest.raises(PruneryError) as caught:
        load(path)
    assert caught.value.code == code


def test_a_refused_model_leaves_no_variables_behind(tmp_path: Path) -> None:
    with pytest.raises(PruneryError):
        load(_huge(tmp_path))
    with keras.StatelessScope():
        pass  # leaving a scope is when Keras allocates what was left over
    assert mlp().built
