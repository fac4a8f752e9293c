"""A configuration may name built-in objects and nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from prunery.screening import config
from prunery.specs.errors import PruneryError
from tests.unit.screening.builders import dense, keras_config, layer


def _code(document: Any) -> str:
    with pytest.raises(PruneryError) as caught:
        config.check_model(document)
    return caught.value.code


def _call(module: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "module": module,
        "class_name": "function",
        "config": name,
        "registered_name": name,
        **more,
    }


def test_ordinary_layers_pass() -> None:
    config.check_model(keras_config(dense(), layer("BatchNormalization", name="bn")))


UNSAFE = [
    layer("Lambda", name="x", function={"class_name": "__lambda__", "config": {"value": "code"}}),
    layer("Lambda", name="x", function=_call("builtins", "eval")),
    layer("TFSMLayer", name="x", filepath="saved_model"),
    layer("TorchModuleWrapper", name="x", module="pickled"),
    layer("JaxLayer", name="x", call_fn={}),
    layer("FlaxLayer", name="x", module={}),
    layer("Pipeline", name="x", layers=[]),
    layer("Wrapper", name="x", layer=dense()),
    layer("Switch", "keras.src.ops.core", name="x"),
    layer("Map", "keras.src.ops.core", name="x"),
    layer("Scan", "keras.src.ops.core", name="x"),
    layer("Cond", "keras.src.ops.core", name="x"),
    layer("WhileLoop", "keras.src.ops.core", name="x"),
    layer("ForiLoop", "keras.src.ops.core", name="x"),
    layer("VectorizedMap", "keras.src.ops.core", name="x"),
    layer("JVP", "keras.src.ops.linalg", name="x"),
    layer("get_file", "keras.utils", name="x"),
    layer("plot_image_gallery", "keras.visualization", name="x"),
    layer("set_floatx", "keras.config", name="x"),
    layer("load_model", "keras.saving", name="x"),
    layer("TFSMLayer", "keras.src.export.tfsm_layer", name="x"),
    layer("system", "builtins", name="x"),
    dense(activation=_call("keras.utils", "get_file")),
    dense(activation=_call("builtins", "get_file")),
    dense(activation={"class_name": "__lambda__", "config": {"value": ["code", None, None]}}),
    dense(kernel_initializer=_call("keras.activations", "relu")),
    dense(kernel_initializer={"class_name": "__typespec__", "config": [], "spec_name": "x"}),
    {**dense(), "registered_name": "package>Dense"},
]


@pytest.mark.parametrize("bad", UNSAFE, ids=lambda bad: bad["class_name"])
def test_what_could_run_code_is_refused(bad: dict[str, Any]) -> None:
    code = _code(keras_config(bad))
    assert code in ("model_unsafe_object", "model_custom_object")
    if bad["class_name"] != "Dense":
        assert code == "model_unsafe_object"


@pytest.mark.parametrize("bad", UNSAFE, ids=lambda bad: bad["class_name"])
def test_hiding_it_deeper_does_not_help(bad: dict[str, Any]) -> None:
    inner = keras_config(layer("TimeDistributed", name="t", layer=bad))
    document = keras_config(inner)
    with pytest.raises(PruneryError):
        config.check_model(document)
    call = {"args": [{"class_name": "__slice__", "config": bad}], "kwargs": {}}
    hidden = keras_config({**dense(), "name": "dense", "inbound_nodes": [call]})
    with pytest.raises(PruneryError):
        config.check_model(hidden)


@pytest.mark.parametrize(
    "bad",
    [
        layer("MyLayer", "my_package", name="x"),
        {**layer("MyLayer", name="x"), "module": None},
        layer("Backbone", "keras_hub.src.models.backbone", name="x"),
        dense(activation="my_activation"),
        dense(activation=_call("builtins", "my_activation")),
    ],
)
def test_a_custom_class_is_named_and_refused(bad: dict[str, Any]) -> None:
    assert _code(keras_config(bad)) == "model_custom_object"


def test_a_hub_backbone_is_told_how_to_come() -> None:
    bad = layer("ResNetBackbone", "keras_hub.src.models.resnet", name="x")
    with pytest.raises(PruneryError) as caught:
        config.check_model(bad)
    assert "clone_model" in caught.value.hint
    own = layer("TransformerEncoder", "keras_hub.src.layers.modeling.transformer_encoder", name="x")
    with pytest.raises(PruneryError) as caught:
        config.check_model(own)
    assert "cannot be written out" in caught.value.hint


def test_only_fillings_of_operations_may_be_infinite() -> None:
    call = {"args": [float("-inf")], "kwargs": {"constant_values": float("-inf")}}
    config.check_model(keras_config({**dense(), "name": "dense", "inbound_nodes": [call]}))
    assert _code(keras_config(dense(float("inf")))) == "model_config_invalid"


def test_a_vocabulary_in_a_file_is_refused() -> None:
    bad = layer("StringLookup", name="x", vocabulary="/etc/passwd")
    assert _code(keras_config(bad)) == "model_external_reference"
    config.check_model(keras_config(layer("StringLookup", name="x", vocabulary=["a", "b"])))


@pytest.mark.parametrize("name", ["a\nb", "a\x00", "", "x" * 201, "\u202ea"])
def test_unusable_layer_names_are_refused(name: str) -> None:
    assert _code(keras_config(dense(name=name))) == "model_layer_name"


@pytest.mark.parametrize("units", [2**24 + 1, 2**40])
def test_sizes_beyond_reason_are_refused(units: int) -> None:
    assert _code(keras_config(dense(units))) == "model_too_large"


def test_an_endless_text_is_refused() -> None:
    assert _code(keras_config(dense(activation="relu", note="x" * 3_000))) == "model_config_invalid"


def test_a_seed_may_be_any_number() -> None:
    seeded = dense(kernel_initializer=layer("GlorotUniform", "keras.initializers", seed=2**31))
    config.check_model(keras_config(seeded))


def test_too_many_layers_are_refused() -> None:
    document = keras_config(*[dense(name=f"d{i}") for i in range(20)])
    with pytest.raises(PruneryError) as caught:
        config.check_model(document, max_layers=10)
    assert caught.value.code == "model_too_large"


def test_no_more_is_looked_at_than_the_layers_that_fit() -> None:
    document = keras_config(UNSAFE[0], *[dense(name=f"d{i}") for i in range(20)])
    with pytest.raises(PruneryError) as caught:
        config.check_model(document, max_layers=10)
    assert caught.value.code == "model_too_large"


@pytest.mark.parametrize("document", [[], "x", 3, None, {}, {"config": {}}, {"config": []}])
def test_what_is_no_configuration_is_refused(document: Any) -> None:
    with pytest.raises(PruneryError):
        config.check_model(document)


def test_a_layer_alone_is_no_model() -> None:
    assert _code(dense()) == "model_config_invalid"


@pytest.mark.parametrize("history", [None, ["a"], ["a", 0, "b"], {"class_name": "x"}])
def test_malformed_tensors_are_refused(history: Any) -> None:
    tensor = {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None, 4], "dtype": "float32", "keras_history": history},
    }
    node = {"args": [tensor], "kwargs": {}}
    assert _code(keras_config({**dense(), "inbound_nodes": [node]})) == "model_config_invalid"


def test_constants_are_numbers_only() -> None:
    def with_value(value: Any, dtype: str = "float32") -> dict[str, Any]:
        constant = {"class_name": "__numpy__", "config": {"value": value, "dtype": dtype}}
        return keras_config({**dense(), "inbound_nodes": [{"args": [constant], "kwargs": {}}]})

    config.check_model(with_value([[1.0, 2.0]]))
    assert _code(with_value(["text"])) == "model_config_invalid"
    assert _code(with_value([1.0], "object")) == "model_config_invalid"
    assert _code(with_value([{"class_name": "x"}])) == "model_config_invalid"


COMPILE = {
    "optimizer": {
        "module": "keras.optimizers",
        "class_name": "Adam",
        "config": {"learning_rate": 0.001},
        "registered_name": None,
    },
    "loss": "sparse_categorical_crossentropy",
    "metrics": ["accuracy", _call("builtins", "top_k_categorical_accuracy")],
}


def test_an_ordinary_compile_configuration_passes() -> None:
    config.check_compile(COMPILE)
    written = _call("builtins", "mean_absolute_error", registered_name="function")
    config.check_compile({**COMPILE, "loss": written, "metrics": [written]})


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("loss", _call("builtins", "my_loss"), "model_custom_object"),
        ("loss", _call("os", "system"), "model_unsafe_object"),
        ("loss", _call("keras.utils", "get_file"), "model_unsafe_object"),
        ("metrics", [layer("Lambda", name="x")], "model_unsafe_object"),
        ("optimizer", layer("MyAdam", "mine"), "model_custom_object"),
        ("optimizer", layer("get", "keras.optimizers"), "model_unsafe_object"),
    ],
)
def test_a_compile_configuration_is_checked_too(key: str, value: Any, code: str) -> None:
    document = {**copy.deepcopy(COMPILE), key: value}
    with pytest.raises(PruneryError) as caught:
        config.check_compile(document)
    assert caught.value.code == code
