"""What changed in the configuration of single layers between Keras 2 and Keras 3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

NAMES = {
    "Model": "Functional",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "ThresholdedReLU": "ReLU",
    "Custom>CustomScaleLayer": "CustomScaleLayer",
}
# Activations that TensorFlow renamed inside, written by some of its versions.
ACTIVATIONS = {"softmax_v2": "softmax", "relu_v2": "relu", "swish_v2": "swish"}
# Settings that Keras 3 no longer knows, and that say nothing at these values.
GONE = {
    "implementation": (0, 1, 2),
    "time_major": (False,),
    "causal": (False,),
    "fused": (None, True, False),
    "virtual_batch_size": (None,),
    "adjustment": (None,),
    "input_dtype": None,
    "autocast": (True,),
    "experimental_autocast": (True,),
    "input_length": None,
    "query_shape": None,
    "key_shape": None,
    "value_shape": None,
    "type_spec": (None,),
    "softmax_robust_masking": (False,),
    "rng_type": None,
}


def layer(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """A layer's settings as its class takes them today."""
    config = {
        key: value
        for key, value in config.items()
        if not (key in GONE and (GONE[key] is None or value in GONE[key]))  # type: ignore[operator]
    }
    for key, value in config.items():
        if key.endswith("activation") and isinstance(value, str):
            config[key] = ACTIVATIONS.get(value, value)
    axis = config.get("axis")
    if isinstance(axis, list) and len(axis) == 1:
        config["axis"] = axis[0]
    shape = config.pop("batch_input_shape", None)
    if name == "InputLayer" and shape is not None:
        config["batch_shape"] = shape
    if name in _LAYERS:
        _LAYERS[name](config)
    return config


def _depthwise(config: dict[str, Any]) -> None:
    if config.get("groups") == 1:
        del config["groups"]


def _separable(config: dict[str, Any]) -> None:
    _depthwise(config)
    for key in ("kernel_initializer", "kernel_regularizer", "kernel_constraint"):
        config.pop(key, None)


def _leaky_relu(config: dict[str, Any]) -> None:
    if "alpha" in config:
        config["negative_slope"] = config.pop("alpha")


def _thresholded(config: dict[str, Any]) -> None:
    if "theta" in config:
        config["threshold"] = config.pop("theta")


def _always_trainable(config: dict[str, Any]) -> None:
    """Keras 3 gives these no say in it: they have nothing to train."""
    config.pop("trainable", None)
    if config.get("noise_shape", 0) is None:
        del config["noise_shape"]


def _discretization(config: dict[str, Any]) -> None:
    """Its dtype was that of the answer; today it is that of the numbers, which it would cut off."""
    _always_trainable(config)
    if str(config.get("dtype")).startswith("int"):
        del config["dtype"]


def _input(config: dict[str, Any]) -> None:
    for key in ("ragged", "sparse"):
        if config.get(key) is None:
            config.pop(key, None)


def _transposed(config: dict[str, Any]) -> None:
    _depthwise(config)
    if config.get("output_padding", 0) is None:
        del config["output_padding"]


_LAYERS: dict[str, Callable[[dict[str, Any]], None]] = {
    "DepthwiseConv1D": _depthwise,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv1D": _separable,
    "SeparableConv2D": _separable,
    "Conv1DTranspose": _transposed,
    "Conv2DTranspose": _transposed,
    "Conv3DTranspose": _transposed,
    "LeakyReLU": _leaky_relu,
    "ReLU": _thresholded,
    "Discretization": _discretization,
    "SpatialDropout1D": _always_trainable,
    "SpatialDropout2D": _always_trainable,
    "SpatialDropout3D": _always_trainable,
    "InputLayer": _input,
}


def initializer(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """An initializer's settings: no dtype any more, and one distribution renamed."""
    config = {key: value for key, value in config.items() if key != "dtype"}
    if name == "VarianceScaling" and config.get("distribution") == "normal":
        config["distribution"] = "truncated_normal"
    return config


def model(name: str, config: Any) -> Any:
    """A model's settings: its layers as a list in a dict."""
    if name == "Sequential":
        return _sequential(config)
    if not isinstance(config, dict):
        return config
    return {key: value for key, value in config.items() if key != "build_input_shape"}


def _sequential(config: Any) -> Any:
    if isinstance(config, list):
        config = {"name": "sequential", "layers": config}
    layers = config.get("layers") if isinstance(config, dict) else None
    if not isinstance(layers, list) or not layers:
        return config
    shape = _first_shape(layers[0])
    if shape is None and _class_name(layers[0]) != "InputLayer":
        return config  # only `build_input_shape` knows the shape, if anything does
    config = {key: value for key, value in config.items() if key != "build_input_shape"}
    if shape is not None:
        config["layers"] = [_input_layer(layers[0], shape), *layers]
    return config


def _class_name(item: Any) -> Any:
    return item.get("class_name") if isinstance(item, dict) else None


def _first_shape(first: Any) -> Any:
    """The batch shape that a Sequential's first layer carries in place of an input layer."""
    if _class_name(first) == "InputLayer" or not isinstance(first, dict):
        return None
    settings = first.get("config")
    while isinstance(settings, dict):
        if isinstance(settings.get("batch_input_shape"), list):
            return settings["batch_input_shape"]
        inner = settings.get("layer")  # a wrapper's own layer may carry it
        settings = inner.get("config") if isinstance(inner, dict) else None
    return None


def _input_layer(first: dict[str, Any], shape: list[Any]) -> dict[str, Any]:
    settings = first["config"]
    name = settings.get("name", "layer")
    dtype = settings.get("dtype")
    if first["class_name"] == "Embedding" or not isinstance(dtype, str):
        dtype = "float32"
    return {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {"batch_shape": shape, "dtype": dtype, "name": f"{name}_input"},
        "registered_name": None,
    }
