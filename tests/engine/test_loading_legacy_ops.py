"""TensorFlow functions that Keras 2 recorded as layers compute what TensorFlow computes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from prunery.screening import allowlist
from prunery.screening.legacy import functions
from prunery.specs.errors import PruneryError
from worker.engine.loading import load

_ALL = {"start": None, "stop": None, "step": None}
# A function, its call as Keras 2 records it (`x` is of shape 6 x 4), the same in TensorFlow.
CASES = [
    ("concat", [["x", 0, 0, {"axis": -1}], ["x", 0, 0, {"axis": -1}]], "tf.concat([x, x], -1)"),
    ("stack", [["x", 0, 0, {"axis": 1}], ["x", 0, 0, {"axis": 1}]], "tf.stack([x, x], 1)"),
    ("math.add_n", [["x", 0, 0, {}], ["x", 0, 0, {}]], "tf.add_n([x, x])"),
    (
        "split",
        ["x", 0, 0, {"num_or_size_splits": [1, 3], "axis": -1}],
        "tf.split(x, [1, 3], -1)[0]",
    ),
    ("split", ["x", 0, 0, {"num_or_size_splits": 2, "axis": 1}], "tf.split(x, 2, 1)[0]"),
    ("compat.v1.squeeze", ["y", 0, 0, {"axis": [1], "name": None}], "x"),
    (
        "compat.v1.transpose",
        ["x", 0, 0, {"perm": [0, 2, 1], "conjugate": False}],
        "tf.transpose(x, [0, 2, 1])",
    ),
    (
        "compat.v1.pad",
        [
            "x",
            0,
            0,
            {"paddings": [[0, 0], [1, 2], [0, 0]], "mode": "CONSTANT", "constant_values": 0},
        ],
        "tf.pad(x, [[0, 0], [1, 2], [0, 0]])",
    ),
    (
        "pad",
        ["x", 0, 0, {"paddings": [[0, 0], [1, 2], [0, 0]], "mode": "REFLECT"}],
        "tf.pad(x, [[0, 0], [1, 2], [0, 0]], 'REFLECT')",
    ),
    ("tile", ["x", 0, 0, {"multiples": [1, 2, 1]}], "tf.tile(x, [1, 2, 1])"),
    ("reverse", ["x", 0, 0, {"axis": [1]}], "tf.reverse(x, [1])"),
    ("where", ["more", 0, 0, {"x": ["x", 0, 0], "y": 0.5}], "tf.where(x > 0.1, x, 0.5)"),
    (
        "clip_by_value",
        ["x", 0, 0, {"clip_value_min": -0.5, "clip_value_max": 1.0}],
        "tf.clip_by_value(x, -0.5, 1.0)",
    ),
    (
        "linalg.matmul",
        ["x", 0, 0, {"b": ["x", 0, 0], "transpose_b": True}],
        "tf.matmul(x, x, transpose_b=True)",
    ),
    (
        "linalg.matmul",
        ["x", 0, 0, {"b": ["x", 0, 0], "transpose_a": True}],
        "tf.matmul(x, x, transpose_a=True)",
    ),
    ("math.l2_normalize", ["x", 0, 0, {"axis": -1}], "tf.math.l2_normalize(x, -1)"),
    ("nn.leaky_relu", ["x", 0, 0, {}], "tf.nn.leaky_relu(x)"),
    ("nn.leaky_relu", ["x", 0, 0, {"alpha": 0.3}], "tf.nn.leaky_relu(x, 0.3)"),
    ("nn.log_softmax", ["x", 0, 0, {"axis": 1}], "tf.nn.log_softmax(x, 1)"),
    ("nn.gelu", ["x", 0, 0, {}], "tf.nn.gelu(x)"),
    (
        "nn.bias_add",
        ["x", 0, 0, {"bias": [1.5, -2.0, 0.0, 3.0], "data_format": "NHWC"}],
        "x + [1.5, -2.0, 0.0, 3.0]",
    ),
    ("math.reduce_prod", ["x", 0, 0, {"axis": 1, "keepdims": True}], "tf.reduce_prod(x, 1, True)"),
    ("math.divide_no_nan", ["x", 0, 0, {"y": 0.0}], "tf.math.divide_no_nan(x, 0.0)"),
    ("reshape", ["x", 0, 0, {"shape": [["size", 0, 0], 24]}], "tf.reshape(x, [-1, 24])"),
]
SLICES = [
    ([_ALL, {"start": 1, "stop": None, "step": None}], "x[:, 1:]"),
    ([_ALL, -1], "x[:, -1]"),
    ([_ALL, None], "x[:, None]"),
    ([{"class_name": "__ellipsis__"}, {"start": None, "stop": None, "step": -1}], "x[..., ::-1]"),
]  # fmt: skip
CASES += [
    ("__operators__.getitem", ["x", 0, 0, {"slice_spec": spec}], same) for spec, same in SLICES
]


def _layer(name: str, function: str, node: Any) -> dict[str, Any]:
    slicing = function.endswith("getitem")
    config = {"name": name, "trainable": True, "dtype": "float32", "function": function}
    return {
        "class_name": "SlicingOpLambda" if slicing else "TFOpLambda",
        "config": config,
        "name": name,
        "inbound_nodes": [node],
    }


def _file(tmp_path: Path, function: str, node: Any) -> Path:
    """A model of Keras 2 that does nothing but call a function."""
    place = {"batch_input_shape": [None, 6, 4], "dtype": "float32", "sparse": False, "name": "x"}
    layers = [
        {"class_name": "InputLayer", "config": place, "name": "x", "inbound_nodes": []},
        _layer("y", "expand_dims", ["x", 0, 0, {"axis": 1}]),
        _layer("more", "math.greater", ["x", 0, 0, {"y": 0.1, "name": None}]),
        _layer("sizes", "compat.v1.shape", ["x", 0, 0, {"name": None, "out_type": "int32"}]),
        _layer("size", "__operators__.getitem", ["sizes", 0, 0, {"slice_spec": 0}]),
        _layer("made", function, node),
    ]
    read = json.dumps(node)
    unread = {name for name in ("y", "more") if f'"{name}", 0' not in read}
    config = {
        "name": "model",
        "layers": [layer for layer in layers if layer["name"] not in unread],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["made", 0, 0]],
    }
    path = tmp_path / "net.h5"
    with h5py.File(path, "w") as opened:
        opened.attrs["keras_version"] = "2.12.0"
        opened.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": config})
        weights = opened.create_group("model_weights")
        weights.attrs["layer_names"] = np.array([], dtype="S1")
        weights.attrs["keras_version"] = "2.12.0"
    return path


@pytest.mark.parametrize(("function", "node", "same"), CASES)
def test_a_function_computes_what_it_computed(
    tmp_path: Path, function: str, node: Any, same: str
) -> None:
    x = keras.random.normal((3, 6, 4), seed=1)
    found = load(_file(tmp_path, function, node)).model(x)
    found = found[0] if isinstance(found, list | tuple) else found
    expected = eval(same, {"tf": tf, "x": x})  # noqa: S307 - the text is in the table above
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("function", "node"),
    [
        ("einsum", ["_CONSTANT_VALUE", -1, "bij,bkj->bik", {}]),
        ("pad", ["x", 0, 0, {"paddings": [[0, 0], [1, 1], [0, 0]], "constant_values": 2.0}]),
        ("__operators__.getitem", ["x", 0, 0, {"slice_spec": [{"start": ["size", 0, 0]}]}]),
        ("reshape", ["x", 0, 0, {"shape": [["size", 0, 0], ["size", 0, 0]]}]),
        ("nn.dropout", ["x", 0, 0, {"rate": 0.5}]),
        ("nn.relu", ["x", 0, 0, {"surprise": 1}]),
        ("math.l2_normalize", ["x", 0, 0, {"axis": 1, "epsilon": -1.0}]),
        ("__operators__.getitem", ["x", 0, 0, {"slice_spec": [{"class_name": "__slice__"}]}]),
    ],
)
def test_what_is_not_surely_the_same_is_refused(tmp_path: Path, function: str, node: Any) -> None:
    with pytest.raises(PruneryError) as caught:
        load(_file(tmp_path, function, node))
    assert caught.value.code == "model_custom_object"
    assert "'TFOpLambda'" in caught.value.detail or "'SlicingOpLambda'" in caught.value.detail


def test_every_operation_that_is_written_may_be_loaded() -> None:
    tables = [("keras.src.ops.numpy", name) for name in functions.BINARY]
    tables += [("keras.src.ops.numpy", name) for name in functions.REDUCING]
    for place in (*tables, *functions.UNARY):
        assert place in allowlist.kinds(), place
