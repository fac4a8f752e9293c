"""Layers whose settings or calls changed since Keras 2 compute what they computed there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from worker.engine.loading import load


def _layer(name: str, kind: str, *before: list[Any], **settings: Any) -> dict[str, Any]:
    config = {"name": name, "trainable": True, "dtype": "float32"} | settings
    nodes = [[[*end, {}] for end in before]] if before else []
    return {"class_name": kind, "config": config, "name": name, "inbound_nodes": nodes}


def _input(name: str, *shape: int | None) -> dict[str, Any]:
    config = {"batch_input_shape": [None, *shape], "dtype": "float32", "sparse": False}
    return {
        "class_name": "InputLayer",
        "config": config | {"name": name},
        "name": name,
        "inbound_nodes": [],
    }


def _file(
    tmp_path: Path, *layers: dict[str, Any], weights: dict[str, list[Any]] | None = None
) -> Path:
    """A functional model of Keras 2, ending in its last layer."""
    config = {
        "name": "model",
        "layers": list(layers),
        "input_layers": [[each["name"], 0, 0] for each in layers if "Input" in each["class_name"]],
        "output_layers": [[layers[-1]["name"], 0, 0]],
    }
    path = tmp_path / "net.h5"
    with h5py.File(path, "w") as opened:
        opened.attrs["keras_version"] = "2.15.0"
        opened.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": config})
        group = opened.create_group("model_weights")
        group.attrs["keras_version"] = "2.15.0"
        group.attrs["layer_names"] = [name.encode() for name in weights or {}] or np.array([], "S1")
        for name, values in (weights or {}).items():
            inner = group.create_group(name)
            inner.attrs["weight_names"] = [f"{name}/w{at}:0".encode() for at in range(len(values))]
            for at, value in enumerate(values):
                inner[f"{name}/w{at}:0"] = value
    return path


def test_a_thresholded_relu_keeps_its_threshold(tmp_path: Path) -> None:
    layer = _layer("cut", "ThresholdedReLU", ["x", 0, 0], theta=0.7)
    model = load(_file(tmp_path, _input("x", 4), layer)).model
    x = np.array([[-1, 0.5, 0.7, 0.9]], "float32")
    np.testing.assert_allclose(model(x), [[0, 0, 0, 0.9]])


def test_bins_are_of_numbers_before_they_are_cut_off(tmp_path: Path) -> None:
    bins = _layer("bins", "Discretization", ["x", 0, 0], dtype="int64", bin_boundaries=[0.0, 1.0])
    model = load(_file(tmp_path, _input("x", 3), bins)).model
    x = np.array([[-0.7, 0.2, 1.5]], "float32")
    np.testing.assert_array_equal(model.predict(x, verbose=0), [[0, 1, 2]])


def test_spatial_dropout_takes_less_than_it_did(tmp_path: Path) -> None:
    drop = _layer("drop", "SpatialDropout2D", ["x", 0, 0], rate=0.5, noise_shape=None, seed=None)
    x = np.ones((1, 3, 3, 2), "float32")
    np.testing.assert_array_equal(load(_file(tmp_path, _input("x", 3, 3, 2), drop)).model(x), x)


def test_a_scaled_sum_of_inception_resnet(tmp_path: Path) -> None:
    scaled = _layer("sum", "Custom>CustomScaleLayer", ["a", 0, 0], ["b", 0, 0], scale=0.2)
    model = load(_file(tmp_path, _input("a", 3), _input("b", 3), scaled)).model
    a, b = np.full((1, 3), 2, "float32"), np.full((1, 3), 5, "float32")
    np.testing.assert_allclose(model([a, b]), a + 0.2 * b)


def test_states_of_a_decoder_come_from_the_encoder(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    sizes = ((2, 12), (3, 12), (12,))
    values = {
        name: [generator.normal(size=size).astype("float32") for size in sizes]
        for name in ("encoder", "decoder")
    }
    states = ["encoder", 0, 1], ["encoder", 0, 2]
    layers = (
        _input("a", 4, 2),
        _input("b", 5, 2),
        _layer("encoder", "LSTM", ["a", 0, 0], units=3, return_state=True),
        _layer("decoder", "LSTM", ["b", 0, 0], *states, units=3),
    )
    model = load(_file(tmp_path, *layers, weights=values)).model
    a, b = (generator.normal(size=(2, n, 2)).astype("float32") for n in (4, 5))
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    expected = decoder(b, initial_state=encoder(a)[1:])
    np.testing.assert_allclose(model([a, b]), expected, atol=1e-6)
    assert float(np.abs(np.asarray(expected) - np.asarray(decoder(b))).max()) > 1e-3


def test_a_random_flip_of_tf_keras_comes_without_its_kind_of_generator(tmp_path: Path) -> None:
    flip = _layer("flip", "RandomFlip", ["x", 0, 0], mode="horizontal", rng_type="stateful")
    x = np.random.default_rng(0).random((1, 3, 3, 2)).astype("float32")
    model = load(_file(tmp_path, _input("x", 3, 3, 2), flip)).model
    np.testing.assert_array_equal(model(x, training=False), x)
